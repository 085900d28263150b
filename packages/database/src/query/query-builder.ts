import { type Column, columnOf, orderOf } from './columns.ts';
import { type Condition, conditionOf, listed, textCondition } from './condition.ts';
import { DeleteBuilder } from './delete-builder.ts';
import { type Fragment, of, plain, value } from './fragment.ts';
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts';
import { InsertBuilder } from './insert-builder.ts';
import { invalidQuery } from './invalid-query.ts';
import { afterRow, orderBy } from './keyset.ts';
import { numbered } from './numbered.ts';
import { both, either, NOTHING, renderSelect, type SelectParts } from './select-parts.ts';
import type { AliasOf, BuiltQuery, ColumnsOf, RowOf, Schema } from './types.ts';
import { UpdateBuilder } from './update-builder.ts';

/** Anything that renders as a subquery. */
export interface Subquery {
  toFragment(): Fragment;
}

type JoinKind = 'JOIN' | 'LEFT JOIN' | 'RIGHT JOIN' | 'FULL JOIN';
type Strings<Columns extends readonly Column[]> = Extract<Columns[number], string>;

/**
 * Builds one statement for PostgreSQL. Immutable: each call gives another builder, so that a part may
 * be kept and gone on from. Values are parameters and nothing else; names are checked and quoted, those
 * without double quotes in lower case, as PostgreSQL reads them. With a schema type,
 * `new QueryBuilder<{trades: {id: string}}>()`, columns and rows are typed.
 *
 * Each call may throw DatabaseError DB_QUERY_INVALID, which names what is wrong and shows no value.
 */
export class QueryBuilder<S extends Schema = Schema, Tables = Record<never, never>, Columns extends string = never>
  implements Subquery
{
  readonly #parts: SelectParts;

  constructor(parts: SelectParts = NOTHING) {
    this.#parts = parts;
  }

  /** `SELECT`: columns, aggregates of a column, or `sql` pieces; none: `*`. Called again, it adds. */
  select<const Added extends readonly Column[]>(...columns: Added): QueryBuilder<S, Tables, Columns | Strings<Added>> {
    return this.#with({ columns: [...this.#parts.columns, ...columns.map(columnOf)] });
  }

  /** `SELECT DISTINCT`, or `DISTINCT ON` these columns. */
  distinct(...columns: readonly string[]): QueryBuilder<S, Tables, Columns> {
    const on = columns.length === 0 ? '' : ` ON (${columns.map(quoteColumn).join(', ')})`;
    return this.#with({ distinct: plain(`DISTINCT${on}`) });
  }

  /** `FROM` a table (`trades t`), or a query, which needs an alias. */
  from<const Source extends string | Subquery>(
    source: Source,
    alias?: string,
  ): QueryBuilder<S, Tables & (Source extends string ? AliasOf<Source> : unknown), Columns> {
    return this.#with({ from: sourceOf(source, alias) });
  }

  /** `JOIN table ON condition`. */
  join<const Table extends string>(table: Table, on: string, ...values: readonly unknown[]) {
    return this.#join<Table>('JOIN', table, on, values);
  }

  leftJoin<const Table extends string>(table: Table, on: string, ...values: readonly unknown[]) {
    return this.#join<Table>('LEFT JOIN', table, on, values);
  }

  rightJoin<const Table extends string>(table: Table, on: string, ...values: readonly unknown[]) {
    return this.#join<Table>('RIGHT JOIN', table, on, values);
  }

  fullJoin<const Table extends string>(table: Table, on: string, ...values: readonly unknown[]) {
    return this.#join<Table>('FULL JOIN', table, on, values);
  }

  crossJoin<const Table extends string>(table: Table): QueryBuilder<S, Tables & AliasOf<Table>, Columns> {
    return this.#with({ joins: [...this.#parts.joins, plain(`CROSS JOIN ${quoteTable(table)}`)] });
  }

  /** `LEFT JOIN LATERAL (query) alias ON TRUE`: for each row so far, what the query finds for it. */
  lateralJoin(query: Subquery, alias: string): QueryBuilder<S, Tables, Columns> {
    const lateral = of('LEFT JOIN LATERAL (', query.toFragment(), `) AS ${quoteName(alias)} ON TRUE`);
    return this.#with({ joins: [...this.#parts.joins, lateral] });
  }

  /** Called again, all must hold. */
  where(condition: Condition, ...values: readonly unknown[]): QueryBuilder<S, Tables, Columns> {
    return this.#where(conditionOf(condition, values));
  }

  /** What was asked so far, or this. */
  orWhere(condition: Condition, ...values: readonly unknown[]): QueryBuilder<S, Tables, Columns> {
    return this.#with({ where: either(this.#parts.where, conditionOf(condition, values)) });
  }

  /** One of the values, sent as one array; null in the list means IS NULL; an empty list finds nothing. */
  whereIn(column: string, values: readonly unknown[] | Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#where(inCondition(column, values, false));
  }

  /** None of the values; an empty list excludes nothing. */
  whereNotIn(column: string, values: readonly unknown[] | Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#where(inCondition(column, values, true));
  }

  whereNull(column: string): QueryBuilder<S, Tables, Columns> {
    return this.#where(plain(`${quoteColumn(column)} IS NULL`));
  }

  whereNotNull(column: string): QueryBuilder<S, Tables, Columns> {
    return this.#where(plain(`${quoteColumn(column)} IS NOT NULL`));
  }

  whereBetween(column: string, low: unknown, high: unknown): QueryBuilder<S, Tables, Columns> {
    return this.#where(of(`${quoteColumn(column)} BETWEEN `, value(low), ' AND ', value(high)));
  }

  whereExists(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#where(of('EXISTS (', query.toFragment(), ')'));
  }

  whereNotExists(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#where(of('NOT EXISTS (', query.toFragment(), ')'));
  }

  groupBy(...columns: readonly Column[]): QueryBuilder<S, Tables, Columns> {
    return this.#with({ groups: [...this.#parts.groups, ...columns.map(columnOf)] });
  }

  having(condition: Condition, ...values: readonly unknown[]): QueryBuilder<S, Tables, Columns> {
    return this.#with({ having: both(this.#parts.having, conditionOf(condition, values)) });
  }

  /** `t.timestamp DESC`, with `NULLS LAST` if wanted. */
  orderBy(...orders: readonly Column[]): QueryBuilder<S, Tables, Columns> {
    return this.#with({ orders: [...this.#parts.orders, ...orders.map(orderOf)] });
  }

  limit(count: number): QueryBuilder<S, Tables, Columns> {
    return this.#with({ limit: value(wholeNumber('limit', count)) });
  }

  /** The server reads and drops the rows before: for pages prefer `pageBy`. */
  offset(count: number): QueryBuilder<S, Tables, Columns> {
    return this.#with({ offset: value(wholeNumber('offset', count)) });
  }

  /**
   * Keyset pagination: ordered by these columns, which together are unique and never null, and, when
   * the last row of the page before is given, only what comes behind it.
   */
  pageBy(columns: readonly string[], last: readonly unknown[] | null): QueryBuilder<S, Tables, Columns> {
    const ordered = this.#with({ orders: orderBy(columns) });
    return last === null ? ordered : ordered.#where(afterRow(columns, last));
  }

  /** `WITH name AS (query)`. */
  with(name: string, query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#with({ ctes: [...this.#parts.ctes, of(`${quoteName(name)} AS (`, query.toFragment(), ')')] });
  }

  /** `WITH RECURSIVE name AS (query)`: the query is a `unionAll` of a start and a step. */
  withRecursive(name: string, query: Subquery): QueryBuilder<S, Tables, Columns> {
    const added = this.with(name, query);
    return added.#with({ recursive: true });
  }

  union(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#set('UNION', query);
  }

  unionAll(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#set('UNION ALL', query);
  }

  intersect(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#set('INTERSECT', query);
  }

  except(query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#set('EXCEPT', query);
  }

  /** `FOR UPDATE`: rows are locked until the transaction ends. */
  forUpdate(wait: 'wait' | 'skip locked' | 'nowait' = 'wait'): QueryBuilder<S, Tables, Columns> {
    return this.#with({ lock: lockOf('FOR UPDATE', wait) });
  }

  forShare(wait: 'wait' | 'skip locked' | 'nowait' = 'wait'): QueryBuilder<S, Tables, Columns> {
    return this.#with({ lock: lockOf('FOR SHARE', wait) });
  }

  insertInto<const Table extends string>(table: Table): InsertBuilder<ColumnsOf<S, Table>> {
    return new InsertBuilder({ table: quoteTable(table), ctes: this.#parts.ctes, recursive: this.#parts.recursive });
  }

  update<const Table extends string>(table: Table): UpdateBuilder<ColumnsOf<S, Table>> {
    return new UpdateBuilder({ table: quoteTable(table), ctes: this.#parts.ctes, recursive: this.#parts.recursive });
  }

  deleteFrom<const Table extends string>(table: Table): DeleteBuilder<ColumnsOf<S, Table>> {
    return new DeleteBuilder({ table: quoteTable(table), ctes: this.#parts.ctes, recursive: this.#parts.recursive });
  }

  /** Text and values for `query`, `execute` or any driver of PostgreSQL. */
  build(): BuiltQuery<RowOf<S, Tables, Columns>> {
    return numbered(this.toFragment());
  }

  toFragment(): Fragment {
    const { columns, from } = this.#parts;
    if (from === null && columns.length === 0) throw invalidQuery('neither `select` nor `from` was called');
    return renderSelect(this.#parts);
  }

  #with<NextTables = Tables, NextColumns extends string = Columns>(
    change: Partial<SelectParts>,
  ): QueryBuilder<S, NextTables, NextColumns> {
    return new QueryBuilder({ ...this.#parts, ...change });
  }

  #where(condition: Fragment): QueryBuilder<S, Tables, Columns> {
    return this.#with({ where: both(this.#parts.where, condition) });
  }

  #join<Table extends string>(
    kind: JoinKind,
    table: string,
    on: string,
    values: readonly unknown[],
  ): QueryBuilder<S, Tables & AliasOf<Table>, Columns> {
    const join = of(`${kind} ${quoteTable(table)} ON `, textCondition(on, values));
    return this.#with({ joins: [...this.#parts.joins, join] });
  }

  #set(kind: string, query: Subquery): QueryBuilder<S, Tables, Columns> {
    return this.#with({ sets: [...this.#parts.sets, of(`${kind} (`, query.toFragment(), ')')] });
  }
}

function sourceOf(source: string | Subquery, alias: string | undefined): Fragment {
  if (typeof source === 'string') return plain(quoteTable(source));
  if (alias === undefined) throw invalidQuery('a query in FROM needs an alias');
  return of('(', source.toFragment(), `) AS ${quoteName(alias)}`);
}

function inCondition(column: string, values: readonly unknown[] | Subquery, not: boolean): Fragment {
  const name = quoteColumn(column);
  if (Array.isArray(values)) return listed(name, values, not);
  if ('toFragment' in values) return of(`${name} ${not ? 'NOT IN' : 'IN'} (`, values.toFragment(), ')');
  throw invalidQuery('a list of values or a query is needed');
}

function wholeNumber(what: string, count: number): number {
  if (!Number.isSafeInteger(count) || count < 0) throw invalidQuery(`${what} is no whole number from 0 on`);
  return count;
}

function lockOf(kind: string, wait: 'wait' | 'skip locked' | 'nowait'): string {
  switch (wait) {
    case 'wait':
      return kind;
    case 'skip locked':
      return `${kind} SKIP LOCKED`;
    case 'nowait':
      return `${kind} NOWAIT`;
  }
}
