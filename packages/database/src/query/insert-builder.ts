import { assignments, returningOf, type Target, valueOf } from './change-parts.ts';
import type { Column } from './columns.ts';
import { type Condition, conditionOf } from './condition.ts';
import { type Fragment, joined, of, plain } from './fragment.ts';
import { quoteName } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';
import { numbered } from './numbered.ts';
import { clause, present, renderWith } from './select-parts.ts';
import type { BuiltQuery } from './types.ts';

type Parts = Target & {
  readonly rows?: Fragment;
  readonly conflict?: Fragment;
  readonly returning?: Fragment;
};

/** `INSERT INTO`. Immutable, as QueryBuilder. */
export class InsertBuilder<Row> {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One row or several; every row has the columns of the first. */
  values(rows: Partial<Row> | readonly Partial<Row>[]): InsertBuilder<Row> {
    const list: readonly Partial<Row>[] = Array.isArray(rows) ? rows : [rows as Partial<Row>]; // no array, so one row
    const columns = Object.keys(list[0] ?? {});
    if (columns.length === 0) throw invalidQuery('no column is given');
    const lines = list.map((row) => lineOf(columns, new Map<string, unknown>(Object.entries(row))));
    return this.#with({ rows: of(`(${columns.map(quoteName).join(', ')}) VALUES `, joined(lines, ', ')) });
  }

  /** `INSERT ... SELECT`. */
  fromQuery(columns: readonly string[], query: { toFragment(): Fragment }): InsertBuilder<Row> {
    return this.#with({ rows: of(`(${columns.map(quoteName).join(', ')}) `, query.toFragment()) });
  }

  /** `ON CONFLICT (columns) DO NOTHING`; without columns, whatever the conflict is. */
  onConflictDoNothing(...columns: readonly string[]): InsertBuilder<Row> {
    return this.#with({ conflict: plain(`ON CONFLICT ${targetOf(columns)}DO NOTHING`) });
  }

  /**
   * `ON CONFLICT (columns) DO UPDATE`: these columns take the values of the row that was to be
   * inserted, or the given ones; with a condition, only rows for which it holds.
   */
  onConflictDoUpdate(
    columns: readonly string[],
    set: readonly string[] | Readonly<Record<string, unknown>>,
    condition?: Condition,
    ...values: readonly unknown[]
  ): InsertBuilder<Row> {
    if (columns.length === 0) throw invalidQuery('an upsert needs the columns of a unique index');
    const changes = isNames(set)
      ? plain(set.map((name) => `${quoteName(name)} = EXCLUDED.${quoteName(name)}`).join(', '))
      : assignments(set);
    const where = condition === undefined ? null : conditionOf(condition, values);
    const update = of(`ON CONFLICT ${targetOf(columns)}DO UPDATE SET `, changes);
    return this.#with({ conflict: present([update, clause('WHERE ', where)]) });
  }

  /** Columns of the rows that were written; none: all. */
  returning(...columns: readonly Column[]): InsertBuilder<Row> {
    return this.#with({ returning: returningOf(columns) });
  }

  build(): BuiltQuery<Row> {
    return numbered(this.toFragment());
  }

  toFragment(): Fragment {
    const { table, rows, conflict, returning } = this.#parts;
    if (rows === undefined) throw invalidQuery('nothing is inserted: call `values` or `fromQuery`');
    return present([renderWith(this.#parts), of(`INSERT INTO ${table} `, rows), conflict ?? null, returning ?? null]);
  }

  #with(change: Partial<Parts>): InsertBuilder<Row> {
    return new InsertBuilder({ ...this.#parts, ...change });
  }
}

function lineOf(columns: readonly string[], row: ReadonlyMap<string, unknown>): Fragment {
  if (row.size !== columns.length || !columns.every((column) => row.has(column)))
    throw invalidQuery('the rows do not have the same columns');
  return of(
    '(',
    joined(
      columns.map((column) => valueOf(column, row.get(column))),
      ', ',
    ),
    ')',
  );
}

function targetOf(columns: readonly string[]): string {
  return columns.length === 0 ? '' : `(${columns.map(quoteName).join(', ')}) `;
}

function isNames(set: readonly string[] | Readonly<Record<string, unknown>>): set is readonly string[] {
  return Array.isArray(set);
}
