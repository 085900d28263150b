import { createHash } from 'node:crypto';
import { quoteName, shown } from '../query/identifiers.ts';
import { invalidQuery } from '../query/invalid-query.ts';
import type { CatalogIndex } from './index-catalog.ts';

export type WantedColumn = {
  /** As the catalog has it. */
  readonly name: string;
  readonly sql: string;
  /** Bit 1: descending, bit 2: nulls first, as the catalog has it. */
  readonly option: number;
};

const COLUMN = /^(?<name>"(?:[^"]|"")+"|[^\s"]+)(?:\s+(?<way>ASC|DESC))?(?:\s+NULLS\s+(?<nulls>FIRST|LAST))?$/i;
const NAME_BYTES_MAX = 63;
const HASH_LENGTH = 8;

/** `symbol`, `timestamp DESC`, `price DESC NULLS LAST`. @throws {DatabaseError} DB_QUERY_INVALID */
export function readColumn(text: string): WantedColumn {
  const found = COLUMN.exec(text.trim())?.groups;
  if (found === undefined) throw invalidQuery(`${shown(text)} is no column of an index`);
  const quoted = quoteName(found['name'] ?? '');
  const isDescending = found['way']?.toUpperCase() === 'DESC';
  const nulls = found['nulls']?.toUpperCase();
  const isNullsFirst = nulls === undefined ? isDescending : nulls === 'FIRST';
  return {
    name: exactName(quoted),
    sql: [quoted, isDescending ? 'DESC' : null, nulls === undefined ? null : `NULLS ${nulls}`]
      .filter((part) => part !== null)
      .join(' '),
    option: (isDescending ? 1 : 0) + (isNullsFirst ? 2 : 0),
  };
}

/** The name behind a quoted one. */
export function exactName(quoted: string): string {
  return quoted.slice(1, -1).replaceAll('""', '"');
}

/** `trades_symbol_timestamp_idx`; of what would be too long the end is a digest. */
export function indexName(table: string, columns: readonly WantedColumn[], unique: boolean): string {
  const ways = columns.map(({ name, option }) => (option % 2 === 1 ? `${name}_desc` : name));
  const name = [table, ...ways, unique ? 'key' : 'idx'].join('_');
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  const room = NAME_BYTES_MAX - HASH_LENGTH - 1;
  // A cut inside a character would leave half of it.
  return `${Buffer.from(name)
    .subarray(0, room)
    .toString()
    .replace(/\uFFFD+$/, '')}_${digest}`;
}

/** The index serves what is wanted: the same columns the same way, unique where that is wanted. */
export function serves(index: CatalogIndex, columns: readonly WantedColumn[], unique: boolean): boolean {
  return (
    index.method === 'btree' &&
    index.predicate === null &&
    (index.unique || !unique) &&
    index.keys.length === columns.length &&
    columns.every((column, at) => {
      const key = index.keys[at];
      return key?.column === column.name && key.option === column.option && key.isDefault;
    })
  );
}
