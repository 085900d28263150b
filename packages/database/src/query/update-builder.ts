import { assignments, returningOf, type Target } from './change-parts.ts';
import type { Column } from './columns.ts';
import { type Condition, conditionOf } from './condition.ts';
import { type Fragment, of, plain } from './fragment.ts';
import { quoteTable } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';
import { numbered } from './numbered.ts';
import { both, clause, present, renderWith } from './select-parts.ts';
import type { BuiltQuery } from './types.ts';

type Parts = Target & {
  readonly changes?: Fragment;
  readonly from?: Fragment;
  readonly where?: Fragment;
  readonly everyRow?: boolean;
  readonly returning?: Fragment;
};

/** `UPDATE`. Immutable, as QueryBuilder. Without `where` it is refused unless `everyRow` says so. */
export class UpdateBuilder<Row> {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Columns and their values; an ``sql`amount - ${n}` `` piece computes. */
  set(row: { readonly [Column in keyof Row]?: unknown }): UpdateBuilder<Row> {
    return this.#with({ changes: assignments(row) });
  }

  /** `FROM another_table`: joined by `where`. */
  from(table: string): UpdateBuilder<Row> {
    return this.#with({ from: plain(quoteTable(table)) });
  }

  where(condition: Condition, ...values: readonly unknown[]): UpdateBuilder<Row> {
    return this.#with({ where: both(this.#parts.where ?? null, conditionOf(condition, values)) });
  }

  /** Says that every row is meant. */
  everyRow(): UpdateBuilder<Row> {
    return this.#with({ everyRow: true });
  }

  returning(...columns: readonly Column[]): UpdateBuilder<Row> {
    return this.#with({ returning: returningOf(columns) });
  }

  build(): BuiltQuery<Row> {
    return numbered(this.toFragment());
  }

  toFragment(): Fragment {
    const { table, changes, from, where, everyRow, returning } = this.#parts;
    if (changes === undefined) throw invalidQuery('nothing is changed: call `set`');
    if (where === undefined && everyRow !== true)
      throw invalidQuery('an update without `where`: call `everyRow` if that is meant');
    return present([
      renderWith(this.#parts),
      of(`UPDATE ${table} SET `, changes),
      clause('FROM ', from ?? null),
      clause('WHERE ', where ?? null),
      returning ?? null,
    ]);
  }

  #with(change: Partial<Parts>): UpdateBuilder<Row> {
    return new UpdateBuilder({ ...this.#parts, ...change });
  }
}
