import type { Finding } from './query-analysis.ts';
import {
  allOf,
  type Body,
  bodyOf,
  columnOf,
  conjunctsOf,
  isBody,
  isValue,
  itemsOf,
  lastNameOf,
  namesOf,
  shapeOf,
  visit,
} from './syntax.ts';

/** An expression over one column that is compared with something: an index on the column does not serve it. */
export type WrappedColumn = { readonly column: string; readonly expression: unknown };

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<', '>', '<=', '>=']);
const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '/', '%', '||']);

/** What its WHERE and ON clauses do that keeps an index from being used. */
export function findInConditions(tree: unknown): readonly Finding[] {
  const comparisons = conditionsOf(tree).flatMap((condition) => comparisonsOf(condition));
  return [
    ...wrappedColumns(comparisons).map(({ column }) => nonSargable(column)),
    ...comparisons.flatMap((comparison) => leadingWildcard(comparison)),
    ...conditionsOf(tree).flatMap((condition) => notInSubquery(condition)),
  ];
}

/** Each WHERE and ON of the statement, those of its subqueries included. */
export function conditionsOf(tree: unknown): readonly unknown[] {
  const found: unknown[] = [];
  visit(tree, (kind, body) => {
    if (kind === 'JoinExpr') found.push(body['quals']);
    if (body['whereClause'] !== undefined) found.push(body['whereClause']);
    return undefined;
  });
  return found.filter((condition) => condition !== undefined);
}

export function wrappedIn(tree: unknown): readonly WrappedColumn[] {
  return wrappedColumns(conditionsOf(tree).flatMap((condition) => comparisonsOf(condition)));
}

/** Comparisons below AND, OR and NOT, without those inside subqueries, which are conditions of their own. */
function comparisonsOf(condition: unknown): readonly Body[] {
  const bool = bodyOf(condition, 'BoolExpr');
  if (bool !== null) return itemsOf(bool['args']).flatMap((part) => comparisonsOf(part));
  const expression = bodyOf(condition, 'A_Expr');
  return expression === null ? [] : [expression];
}

function wrappedColumns(comparisons: readonly Body[]): readonly WrappedColumn[] {
  return comparisons.flatMap((comparison) => {
    const { lexpr, rexpr, kind } = comparison;
    const isComparison = kind !== 'AEXPR_OP' || COMPARISONS.has(lastNameOf(comparison['name']));
    if (!isComparison) return [];
    return [wrapped(lexpr, rexpr), wrapped(rexpr, lexpr)].flatMap((found) => found ?? []);
  });
}

function wrapped(side: unknown, other: unknown): WrappedColumn | null {
  if (columnOf(side) !== null || isValue(side) || !isWrapping(side)) return null;
  if (allOf(side, 'SubLink').length > 0 || allOf(side, 'A_Indirection').length > 0) return null;
  const [reference, ...more] = allOf(side, 'ColumnRef');
  if (reference === undefined || more.length > 0) return null;
  const column = columnOf({ ColumnRef: reference });
  // Against an expression over another column both sides are equally to blame; that is told of none.
  const isAgainstColumns = allOf(other, 'ColumnRef').length > 0 && columnOf(other) === null;
  return column === null || isAgainstColumns ? null : { column, expression: side };
}

function isWrapping(node: unknown): boolean {
  const arithmetic = bodyOf(node, 'A_Expr');
  if (arithmetic !== null) return namesOf(arithmetic['name']).some((name) => ARITHMETIC.has(name));
  return ['FuncCall', 'TypeCast', 'CoalesceExpr'].some((kind) => bodyOf(node, kind) !== null);
}

function nonSargable(column: string): Finding {
  return {
    rule: 'non-sargable',
    severity: 'warning',
    message: `${column} stands inside an expression, so that an index on ${column} does not serve the comparison`,
    table: null,
    columns: [column],
    rewritable: false,
  };
}

function leadingWildcard(comparison: Body): readonly Finding[] {
  if (comparison['kind'] !== 'AEXPR_LIKE' && comparison['kind'] !== 'AEXPR_ILIKE') return [];
  const column = columnOf(comparison['lexpr']);
  const pattern = bodyOf(bodyOf(comparison['rexpr'], 'A_Const'), 'sval')?.['sval'];
  if (column === null || typeof pattern !== 'string' || !/^[%_]/.test(pattern)) return [];
  return [
    {
      rule: 'leading-wildcard',
      severity: 'warning',
      message: `the pattern for ${column} starts with a wildcard, so that a plain index cannot narrow it`,
      table: null,
      columns: [column],
      rewritable: false,
    },
  ];
}

/** `NOT IN (SELECT ...)`: one null among the rows and nothing is found; and it is planned as a filter. */
function notInSubquery(condition: unknown): readonly Finding[] {
  return conjunctsOf(condition).flatMap((part) => {
    const not = bodyOf(part, 'BoolExpr');
    if (not?.['boolop'] !== 'NOT_EXPR') return [];
    const [inside] = itemsOf(not['args']);
    const link = bodyOf(inside, 'SubLink');
    if (link?.['subLinkType'] !== 'ANY_SUBLINK') return [];
    const column = columnOf(link['testexpr']);
    return [
      {
        rule: 'not-in-subquery' as const,
        severity: 'warning' as const,
        message: 'NOT IN over a subquery finds nothing when it gives one null, and cannot be planned as an anti-join',
        table: null,
        columns: column === null ? [] : [column],
        rewritable: false,
      },
    ];
  });
}

/**
 * Two expressions are the same for an index: tables, places and the casts that the server writes are left out.
 */
export function expressionShape(expression: unknown): string {
  return shapeOf(plain(expression));
}

const WRITTEN_CASTS: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar']);

function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map((each) => plain(each));
  if (!isBody(node)) return node;
  const column = columnOf(node);
  if (column !== null) return { column };
  const cast = bodyOf(node, 'TypeCast');
  const isWritten = WRITTEN_CASTS.has(lastNameOf(bodyOf(cast, 'typeName')?.['names']));
  if (cast !== null && (isWritten || bodyOf(cast['arg'], 'A_Const') !== null)) return plain(cast['arg']);
  return Object.fromEntries(
    Object.entries(node)
      // `extract(...)` and `date_trunc(...)` are the same calls in another spelling.
      .filter(([key]) => key !== 'funcformat' && key !== 'location')
      .map(([key, value]) => [key, key === 'funcname' || key === 'names' ? lastNameOf(value) : plain(value)]),
  );
}
