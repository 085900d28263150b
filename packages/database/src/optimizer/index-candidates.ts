import { nodesOf, type PlanNode } from './plan.ts';
import { bodyOf, columnOf, conjunctsOf, isValue, itemsOf, lastNameOf, namesOf, parseExpression } from './syntax.ts';
import type { Facts, TableFacts } from './table-facts.ts';

export type IndexColumn = { readonly name: string; readonly descending: boolean };

export type CandidateIndex = {
  /** The more selective ones first. */
  readonly columns: readonly IndexColumn[];
  /** Its order is that of the rows wanted. */
  readonly isOrdered: boolean;
};

/** A scan of a whole table, and what an index would have to serve instead of it. */
export type CandidateScan = {
  readonly scan: PlanNode;
  readonly facts: TableFacts;
  /** Rows that the statement asks for, where the order of the index would let it stop early. */
  readonly limit: number | null;
  /** How often the index would be asked: once for each row of the other side of a join. */
  readonly loops: number;
  /** To be tried. */
  readonly indexes: readonly CandidateIndex[];
};

/** Above it the planner reads the whole table, and is right. */
const FRACTION_MAX = 0.2;
const COLUMNS_MAX = 4;

/** What stands above a node, as far as it matters for an index. */
type Above = { readonly sort: readonly string[]; readonly limit: number | null; readonly join: PlanNode | null };

const NOTHING: Above = { sort: [], limit: null, join: null };

/** Sequential scans of large tables that an index might replace. */
export function candidateScans(plan: PlanNode, facts: Facts, largeTableRows: number): readonly CandidateScan[] {
  return walk(plan, NOTHING).flatMap(({ node, above }) => {
    const known = facts.of(node);
    if (node.type !== 'Seq Scan' || known === null || known.rows < largeTableRows) return [];
    return candidateFor(node, above, known) ?? [];
  });
}

type Placed = { readonly node: PlanNode; readonly above: Above };

function walk(node: PlanNode, above: Above): readonly Placed[] {
  return [{ node, above }, ...node.children.flatMap((child) => walk(child, aboveChild(node, above)))];
}

function aboveChild(node: PlanNode, above: Above): Above {
  if (node.type === 'Limit') return { ...NOTHING, limit: node.rows };
  if (node.type === 'Sort') return { ...NOTHING, limit: above.limit, sort: node.sortKeys };
  if (/Join|Nested Loop/.test(node.type)) return { ...NOTHING, join: node };
  if (node.type === 'Hash' || node.type === 'Materialize') return { ...NOTHING, join: above.join };
  return NOTHING;
}

function candidateFor(scan: PlanNode, above: Above, facts: TableFacts): CandidateScan | null {
  const asked = conditionColumns(scan, facts);
  const order = above.limit === null ? null : sortColumns(above.sort, scan);
  const equal = asked.equal.map((name) => ({ name, descending: false }));
  const isSelective = scan.filter !== null && scan.rows <= FRACTION_MAX * facts.rows;
  const indexes: CandidateIndex[] = [];
  const add = (columns: readonly IndexColumn[], isOrdered = false) => {
    indexes.push({ columns: columns.slice(0, COLUMNS_MAX), isOrdered });
  };
  const isSorted = order !== null && order.length > 0;
  if (isSorted && (scan.filter === null || equal.length > 0)) add([...equal, ...order], true);
  if (isSelective && asked.range.length > 0) add([...equal, ...asked.range.slice(0, 1).map(ascending)]);
  if (isSelective && equal.length > 0) add(equal);
  const joined = scan.filter === null && above.join !== null ? joinColumn(scan, above.join, facts) : null;
  if (joined !== null) add([ascending(joined.column)]);
  if (indexes.length === 0) return null;
  return { scan, facts, limit: above.limit, loops: joined?.loops ?? 1, indexes };
}

const ascending = (name: string): IndexColumn => ({ name, descending: false });

const RANGES: ReadonlySet<string> = new Set(['<', '>', '<=', '>=']);

/** Columns compared with values: those for equality by how many values they have, the most first. */
function conditionColumns(scan: PlanNode, facts: TableFacts) {
  const equal = new Set<string>();
  const range = new Set<string>();
  for (const part of conjunctsOf(scan.filter === null ? undefined : parseExpression(scan.filter))) {
    const expression = bodyOf(part, 'A_Expr');
    const column = expression === null ? null : comparedColumn(expression['lexpr'], facts);
    if (expression === null || column === null || !isComparedWithValue(expression['rexpr'])) continue;
    const operator = lastNameOf(expression['name']);
    if (operator === '=') equal.add(column);
    else if (expression['kind'] === 'AEXPR_OP' && RANGES.has(operator)) range.add(column);
  }
  const distinct = (name: string) => facts.distinct[name] ?? 0;
  return {
    equal: [...equal].toSorted((one, other) => distinct(other) - distinct(one)),
    range: [...range].filter((name) => !equal.has(name)),
  };
}

/** The server shows a varchar column as `(symbol)::text`. */
function comparedColumn(node: unknown, facts: TableFacts): string | null {
  const cast = bodyOf(node, 'TypeCast');
  const name = columnOf(cast === null ? node : cast['arg']);
  if (name === null || facts.types[name] === undefined) return null;
  const isShownCast = cast === null || facts.types[name] === 'varchar';
  return isShownCast ? name : null;
}

function isComparedWithValue(node: unknown): boolean {
  if (isValue(node)) return true;
  // A call on values alone, as now(), and an array of values.
  const call = bodyOf(node, 'FuncCall');
  if (call !== null) return itemsOf(call['args']).every((argument) => isComparedWithValue(argument));
  const array = bodyOf(node, 'A_ArrayExpr');
  if (array !== null) return itemsOf(array['elements']).every((element) => isComparedWithValue(element));
  const sum = bodyOf(node, 'A_Expr');
  return sum !== null && isComparedWithValue(sum['lexpr']) && isComparedWithValue(sum['rexpr']);
}

/** The columns of a sort, when all are plain columns of the table; null when an index cannot give the order. */
function sortColumns(keys: readonly string[], scan: PlanNode): readonly IndexColumn[] | null {
  const columns = keys.map((key) => {
    const found = /^(?<text>.*?)(?<desc> DESC)?(?<nulls> NULLS (?:FIRST|LAST))?$/.exec(key)?.groups;
    const reference = found === undefined ? null : parseExpression(found['text'] ?? '');
    const names = namesOf(bodyOf(reference, 'ColumnRef')?.['fields']);
    const name = columnOf(reference);
    const isHere = names.length < 2 || names.at(-2) === scan.alias;
    if (name === null || !isHere || found?.['nulls'] !== undefined) return null;
    return { name, descending: found?.['desc'] !== undefined };
  });
  const all = columns.filter((column) => column !== null);
  return all.length === columns.length ? all : null;
}

/** The column by which few rows of the other side look for theirs in this table. */
function joinColumn(scan: PlanNode, join: PlanNode, facts: TableFacts) {
  const others = join.children.filter((child) => !nodesOf(child).includes(scan));
  const loops = Math.max(1, others[0]?.rows ?? facts.rows);
  if (join.joinCondition === null || loops * 10 > facts.rows) return null;
  for (const part of conjunctsOf(parseExpression(join.joinCondition))) {
    const expression = bodyOf(part, 'A_Expr');
    if (expression === null || lastNameOf(expression['name']) !== '=') continue;
    for (const side of [expression['lexpr'], expression['rexpr']]) {
      const cast = bodyOf(side, 'TypeCast');
      const fields = namesOf(bodyOf(cast === null ? side : cast['arg'], 'ColumnRef')?.['fields']);
      const column = comparedColumn(side, facts);
      if (column !== null && fields.at(-2) === scan.alias) return { column, loops };
    }
  }
  return null;
}
