import type { Complexity } from './query-analysis.ts';
import { type Body, lastNameOf, visit } from './syntax.ts';

const AGGREGATES: ReadonlySet<string> = new Set(
  'count sum avg min max array_agg string_agg json_agg jsonb_agg bool_and bool_or every stddev variance'.split(' '),
);
const COMPLEX_FROM = 25;
const MODERATE_FROM = 10;

type Count = { -readonly [name in keyof Omit<Complexity, 'score' | 'level'>]: number };

/** How much a statement asks of the planner and of its reader. */
export function measureComplexity(tree: unknown): Complexity {
  const count: Count = {
    tables: 0,
    joins: 0,
    subqueries: 0,
    setOperations: 0,
    aggregates: 0,
    windows: 0,
    predicates: 0,
  };
  visit(tree, (kind, body) => {
    note(count, kind, body);
    return undefined;
  });
  const { tables, joins, subqueries, setOperations, aggregates, windows, predicates } = count;
  const score = tables + 2 * joins + 3 * subqueries + 3 * setOperations + aggregates + 3 * windows + predicates;
  const level = score >= COMPLEX_FROM ? 'complex' : score >= MODERATE_FROM ? 'moderate' : 'simple';
  return { score, level, ...count };
}

function note(count: Count, kind: string, body: Body): void {
  if (kind === 'RangeVar') count.tables += 1;
  if (kind === 'JoinExpr') count.joins += 1;
  if (kind === 'SubLink' || kind === 'RangeSubselect' || kind === 'CommonTableExpr') count.subqueries += 1;
  if (kind === 'SelectStmt' && body['op'] !== undefined && body['op'] !== 'SETOP_NONE') count.setOperations += 1;
  if (kind === 'A_Expr' || kind === 'NullTest') count.predicates += 1;
  if (kind !== 'FuncCall') return;
  if (body['over'] !== undefined) count.windows += 1;
  else if (AGGREGATES.has(lastNameOf(body['funcname']))) count.aggregates += 1;
}
