import { quoteIdentifier } from '../query/identifiers.ts';
import type { IndexAdviceAction, IndexReport, IndexVerdict, MissingIndex } from './index-analysis.ts';
import type { CatalogForeignKey, CatalogIndex, IndexKey } from './index-catalog.ts';
import type { UsageWindow } from './usage-window.ts';

export type JudgeOptions = {
  readonly usage: UsageWindow;
  /** A smaller index is not worth being called bloated. */
  readonly bloatBytesMin: number;
};

type Judged = { readonly verdict: IndexVerdict; readonly reason: string };

/** How many times what its rows need an index takes before it is called bloated. */
const BLOAT_RATIO = 3;
/** What REINDEX CONCURRENTLY leaves behind when it fails. */
const LEFTOVER = /_cc(?:new|old)\d*$/;

/** What each index is for. Pure: the same catalog and figures give the same answer. */
export function judgeIndexes(
  indexes: readonly CatalogIndex[],
  foreignKeys: readonly CatalogForeignKey[],
  options: JudgeOptions,
): readonly IndexReport[] {
  return indexes.map((index) => {
    const beside = indexes.filter((other) => other.tableOid === index.tableOid && other !== index);
    // What goes in its favour leaves its work to it.
    const heirs = [index, ...beside.filter((other) => isDuplicateOf(other, index) || isCoveredBy(other, index))];
    const scans = Object.entries(options.usage.scans).map(
      ([node, counts]) => [node, heirs.reduce((sum, { oid }) => sum + (counts?.get(oid) ?? 0), 0)] as const,
    );
    const judged = judge({ index, beside, foreignKeys, scans, isEnough: options.usage.isEnough(index) });
    const own = Object.entries(options.usage.scans).flatMap(([node, counts]) =>
      counts === null ? [] : [[node, counts.get(index.oid) ?? 0] as const],
    );
    const { bytes, idealBytes } = index;
    return {
      schema: index.schema,
      table: index.table,
      name: index.name,
      columns: index.keys.map(({ text }) => text),
      unique: index.unique,
      predicate: index.predicate,
      ...judged,
      scans: Object.fromEntries(own),
      bytes,
      tableWrites: index.tableWrites,
      bloated: index.valid && idealBytes !== null && bytes >= options.bloatBytesMin && bytes > BLOAT_RATIO * idealBytes,
    };
  });
}

function judge(seen: {
  readonly index: CatalogIndex;
  readonly beside: readonly CatalogIndex[];
  readonly foreignKeys: readonly CatalogForeignKey[];
  readonly scans: readonly (readonly [string, number])[];
  readonly isEnough: boolean;
}): Judged {
  const { index, beside, foreignKeys, scans, isEnough } = seen;
  if (index.building) return { verdict: 'building', reason: 'it is being built now' };
  if (!index.valid) return { verdict: 'invalid', reason: 'a build of it failed: it is written to and never read' };
  if (index.constraint !== null) return { verdict: 'enforces', reason: `constraint ${index.constraint} stands on it` };
  if (index.replicaIdentity) return { verdict: 'enforces', reason: 'it is the replica identity of its table' };
  if (index.referenced) return { verdict: 'enforces', reason: 'a foreign key of another table relies on it' };
  const twin = beside.find((other) => isDuplicateOf(index, other));
  if (twin !== undefined) return { verdict: 'duplicate', reason: `${twin.name} is the same` };
  if (index.unique) return { verdict: 'enforces', reason: 'it keeps its columns unique' };
  const wider = beside.find((other) => isCoveredBy(index, other));
  if (wider !== undefined) return { verdict: 'covered', reason: `${wider.name} begins with the same columns` };
  const using = scans.filter(([, count]) => count > 0);
  if (using.length > 0) {
    const where = using.map(([node, count]) => `${count} on ${node}`).join(', ');
    return { verdict: 'used', reason: `scans: ${where}` };
  }
  const key = foreignKeys.find(
    (each) => supports(index, each) && !beside.some((other) => other.valid && supports(other, each)),
  );
  if (key !== undefined) return { verdict: 'supports', reason: `it alone serves foreign key ${key.constraint}` };
  if (index.attached) return { verdict: 'unknown', reason: 'it is a part of a partitioned index' };
  if (!isEnough) return { verdict: 'unknown', reason: 'not every node has been seen, or for long enough' };
  return { verdict: 'unused', reason: `no scan on ${scans.map(([node]) => node).join(', ')}` };
}

/** Of two that are the same one goes: never one that something stands on, else the newer. */
function isDuplicateOf(index: CatalogIndex, other: CatalogIndex): boolean {
  const isSame =
    other.valid &&
    !index.attached &&
    index.method === other.method &&
    index.predicate === other.predicate &&
    sameKeys(index.keys, other.keys) &&
    index.included.every((column) => other.included.includes(column)) &&
    (!index.unique || other.unique);
  if (!isSame) return false;
  const rank = standing(other) - standing(index) || other.included.length - index.included.length;
  return rank > 0 || (rank === 0 && Number(other.oid) < Number(index.oid));
}

function standing({ constraint, referenced, replicaIdentity, unique }: CatalogIndex): number {
  return (constraint !== null || referenced || replicaIdentity ? 2 : 0) + (unique ? 1 : 0);
}

function isCoveredBy(index: CatalogIndex, other: CatalogIndex): boolean {
  return (
    other.valid &&
    !index.attached &&
    index.method === 'btree' &&
    other.method === 'btree' &&
    index.predicate === other.predicate &&
    other.keys.length > index.keys.length &&
    sameKeys(index.keys, other.keys.slice(0, index.keys.length)) &&
    index.included.every((column) => [...other.keys.map(({ text }) => text), ...other.included].includes(column))
  );
}

function sameKeys(one: readonly IndexKey[], other: readonly IndexKey[]): boolean {
  return one.length === other.length && one.every((key, at) => keyOf(key) === keyOf(other[at]));
}

function keyOf(key: IndexKey | undefined): string {
  return key === undefined ? '' : [key.text, key.operatorClass, key.collation, key.option].join('\0');
}

/** Its first columns are those of the foreign key, in any order, and it has every row that may refer. */
function supports(index: CatalogIndex, key: CatalogForeignKey): boolean {
  const first = index.keys.slice(0, key.columns.length).map(({ column }) => column);
  const isPlain = index.predicate === null || isNotNullOnly(index.predicate, key.columns);
  return (
    index.tableOid === key.tableOid &&
    (index.method === 'btree' || index.method === 'hash') &&
    isPlain &&
    first.length === key.columns.length &&
    key.columns.every((column) => first.includes(column))
  );
}

/** Rows with a null there refer to nothing. */
function isNotNullOnly(predicate: string, columns: readonly string[]): boolean {
  return columns.length === 1 && predicate === `(${quotedAsShown(columns[0] ?? '')} IS NOT NULL)`;
}

function quotedAsShown(column: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(column) ? column : quoteIdentifier(column);
}

export function missingFor(
  foreignKeys: readonly CatalogForeignKey[],
  indexes: readonly CatalogIndex[],
): readonly MissingIndex[] {
  return foreignKeys
    .filter((key) => !indexes.some((index) => index.valid && supports(index, key)))
    .map(({ schema, table, columns, constraint, references, parentChanges }) => ({
      schema,
      table,
      columns,
      constraint,
      references,
      parentChanges,
    }));
}

/** What to do; nothing of it is done here. */
export function adviceFor(
  reports: readonly IndexReport[],
  missing: readonly MissingIndex[],
): readonly IndexAdviceAction[] {
  const actions = reports.flatMap((report): readonly IndexAdviceAction[] => {
    const { table, name, reason, verdict } = report;
    const path = `${quoteIdentifier(report.schema)}.${quoteIdentifier(name)}`;
    const drop = { action: 'drop', table, index: name, reason, sql: `DROP INDEX CONCURRENTLY ${path}` } as const;
    const rebuild = { action: 'rebuild', table, index: name, sql: `REINDEX INDEX CONCURRENTLY ${path}` } as const;
    if (verdict === 'duplicate' || verdict === 'covered' || verdict === 'unused') return [drop];
    if (verdict === 'invalid') return LEFTOVER.test(name) ? [drop] : [{ ...rebuild, reason }];
    return report.bloated
      ? [{ ...rebuild, reason: `it takes ${report.bytes} bytes, far more than its rows need` }]
      : [];
  });
  const creates = missing.map(({ schema, table, columns, constraint }) => {
    const list = columns.map((column) => quoteIdentifier(column)).join(', ');
    return {
      action: 'create' as const,
      table,
      index: null,
      reason: `foreign key ${constraint} has no index`,
      sql: `CREATE INDEX CONCURRENTLY ON ${quoteIdentifier(schema)}.${quoteIdentifier(table)} (${list})`,
    };
  });
  return [...actions, ...creates];
}
