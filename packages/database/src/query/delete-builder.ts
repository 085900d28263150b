import { returningOf, type Target } from './change-parts.ts';
import type { Column } from './columns.ts';
import { type Condition, conditionOf } from './condition.ts';
import { type Fragment, plain } from './fragment.ts';
import { quoteTable } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';
import { numbered } from './numbered.ts';
import { both, clause, present, renderWith } from './select-parts.ts';
import type { BuiltQuery } from './types.ts';

type Parts = Target & {
  readonly using?: Fragment;
  readonly where?: Fragment;
  readonly everyRow?: boolean;
  readonly returning?: Fragment;
};

/** `DELETE FROM`. Immutable, as QueryBuilder. Without `where` it is refused unless `everyRow` says so. */
export class DeleteBuilder<Row> {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `USING another_table`: joined by `where`. */
  using(table: string): DeleteBuilder<Row> {
    return this.#with({ using: plain(quoteTable(table)) });
  }

  where(condition: Condition, ...values: readonly unknown[]): DeleteBuilder<Row> {
    return this.#with({ where: both(this.#parts.where ?? null, conditionOf(condition, values)) });
  }

  /** Says that every row is meant. */
  everyRow(): DeleteBuilder<Row> {
    return this.#with({ everyRow: true });
  }

  returning(...columns: readonly Column[]): DeleteBuilder<Row> {
    return this.#with({ returning: returningOf(columns) });
  }

  build(): BuiltQuery<Row> {
    return numbered(this.toFragment());
  }

  toFragment(): Fragment {
    const { table, using, where, everyRow, returning } = this.#parts;
    if (where === undefined && everyRow !== true)
      throw invalidQuery('a delete without `where`: call `everyRow` if that is meant');
    return present([
      renderWith(this.#parts),
      plain(`DELETE FROM ${table}`),
      clause('USING ', using ?? null),
      clause('WHERE ', where ?? null),
      returning ?? null,
    ]);
  }

  #with(change: Partial<Parts>): DeleteBuilder<Row> {
    return new DeleteBuilder({ ...this.#parts, ...change });
  }
}
