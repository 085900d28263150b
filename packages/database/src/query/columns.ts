import { type Fragment, isFragment, plain } from './fragment.ts';
import { quoteColumn, quoteName, quotePath, shown, words } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';

/** `t.id`, `t.*`, `t.price AS p`, an aggregate of one column (`sum(t.price) AS total`), or an `sql` piece. */
export type Column = string | Fragment;

const CALL = /^([A-Za-z_][A-Za-z0-9_]*)\(\s*(distinct\s+)?([^()]*?)\s*\)$/i;
const CALLS = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'bool_and',
  'bool_or',
  'array_agg',
  'lower',
  'upper',
  'length',
]);

/** @throws {DatabaseError} DB_QUERY_INVALID */
export function columnOf(column: Column): Fragment {
  if (isFragment(column)) return column;
  if (typeof column !== 'string') throw invalidQuery('a column is neither a name nor an sql piece');
  const aliased = /^(.*\S)\s+as\s+(\S+)$/is.exec(column.trim());
  const text = aliased?.[1] ?? column.trim();
  const alias = aliased?.[2];
  const expression = expressionOf(text, alias === undefined ? quotePath : quoteColumn);
  return plain(alias === undefined ? expression : `${expression} AS ${quoteName(alias)}`);
}

/** `t.timestamp DESC NULLS LAST`. @throws {DatabaseError} DB_QUERY_INVALID */
export function orderOf(order: Column): Fragment {
  if (isFragment(order)) return order;
  const { expression, descending, nulls } = parseOrder(order);
  return plain(`${expression}${descending ? ' DESC' : ' ASC'}${nulls === null ? '' : ` NULLS ${nulls}`}`);
}

export type Order = {
  readonly expression: string;
  readonly descending: boolean;
  readonly nulls: 'FIRST' | 'LAST' | null;
};

export function parseOrder(order: string): Order {
  const match = /^(.*?\S)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?$/is.exec(order.trim());
  if (match === null) throw invalidQuery(`${shown(order)} is no order`);
  const [, text = '', direction, nulls] = match;
  return {
    expression: expressionOf(text, quoteColumn),
    descending: direction?.toLowerCase() === 'desc',
    nulls: nulls === undefined ? null : nulls.toLowerCase() === 'first' ? 'FIRST' : 'LAST',
  };
}

function expressionOf(text: string, quote: (path: string) => string): string {
  const call = CALL.exec(text);
  if (call === null) {
    if (words(text).length !== 1)
      throw invalidQuery(`${shown(text)} is no column: use the sql template for an expression`);
    return quote(text);
  }
  const [, name = '', distinct, argument = ''] = call;
  if (!CALLS.has(name.toLowerCase())) throw invalidQuery(`${shown(text)}: use the sql template for this function`);
  if (argument === '*' && name.toLowerCase() !== 'count') throw invalidQuery(`${shown(text)} needs a column`);
  return `${name.toLowerCase()}(${distinct === undefined ? '' : 'DISTINCT '}${argument === '*' ? '*' : quoteColumn(argument)})`;
}
