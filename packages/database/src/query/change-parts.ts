import { type Column, columnOf } from './columns.ts';
import { type Fragment, isFragment, joined, of, value } from './fragment.ts';
import { quoteName, shown } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';

/** What the three statements that change rows have in common. */
export type Target = { readonly table: string; readonly ctes: readonly Fragment[]; readonly recursive: boolean };

/** `"a" = $1, "b" = now()`; an `sql` piece stands as it is. @throws {DatabaseError} DB_QUERY_INVALID */
export function assignments(row: Readonly<Record<string, unknown>>): Fragment {
  const columns = Object.entries(row);
  if (columns.length === 0) throw invalidQuery('no column is set');
  return joined(
    columns.map(([column, given]) => of(`${quoteName(column)} = `, valueOf(column, given))),
    ', ',
  );
}

export function valueOf(column: string, given: unknown): Fragment {
  return isFragment(given) ? given : value(given, `the value of ${shown(column)}`);
}

export function returningOf(columns: readonly Column[]): Fragment {
  return of('RETURNING ', columns.length === 0 ? '*' : joined(columns.map(columnOf), ', '));
}
