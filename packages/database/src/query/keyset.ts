import { type Order, parseOrder } from './columns.ts';
import { type Fragment, joined, of, plain, value } from './fragment.ts';
import { invalidQuery } from './invalid-query.ts';

/**
 * Rows behind the last one of the page before, in the order of these columns: one comparison of rows
 * where all go the same way, which an index serves, else one case for each column.
 * @throws {DatabaseError} DB_QUERY_INVALID for an order with NULLS or a null in the last row: neither compares
 */
export function afterRow(columns: readonly string[], last: readonly unknown[]): Fragment {
  const orders = columns.map(parseOrder);
  if (orders.length === 0 || orders.length !== last.length)
    throw invalidQuery(`a page by ${columns.length} columns goes on from ${last.length} values`);
  if (last.includes(null) || orders.some(({ nulls }) => nulls !== null))
    throw invalidQuery('pages go by columns that are never null');
  const [first] = orders;
  if (first !== undefined && orders.every(({ descending }) => descending === first.descending)) {
    const row = orders.map(({ expression }) => expression).join(', ');
    return of(
      `(${row}) ${first.descending ? '<' : '>'} (`,
      joined(
        last.map((each) => value(each)),
        ', ',
      ),
      ')',
    );
  }
  const cases = orders.map((order, index) => {
    const equal = orders.slice(0, index).map(({ expression }, at) => of(`${expression} = `, value(last[at])));
    return of('(', joined([...equal, beyond(order, last[index])], ' AND '), ')');
  });
  return of('(', joined(cases, ' OR '), ')');
}

export function orderBy(columns: readonly string[]): readonly Fragment[] {
  return columns.map((column) => {
    const { expression, descending } = parseOrder(column);
    return plain(`${expression}${descending ? ' DESC' : ' ASC'}`);
  });
}

function beyond({ expression, descending }: Order, given: unknown): Fragment {
  return of(`${expression} ${descending ? '<' : '>'} `, value(given));
}
