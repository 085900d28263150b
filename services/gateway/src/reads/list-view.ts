import type { Statement } from '@tradestream/database';
import { badRequest } from '../http/problems.ts';
import { type Cursor, decodeCursor, encodeCursor } from './cursor.ts';

/** A row as the driver gives it: every column selected as text. */
export type TextRow = Readonly<Record<string, string>>;

/** A value to filter by; times are microseconds since the epoch. */
export type FilterValue = string | number;

/**
 * A list that is read page by page. Names and expressions here are all written in this program;
 * what comes from outside travels as parameters.
 */
export type ListView = {
  readonly name: string;
  /** The projection whose position proves freshness. */
  readonly projection: string;
  /** `SELECT ... FROM ...` with every column as text. */
  readonly select: string;
  /** Filter name to the condition that it adds, with `$` where its parameter stands. */
  readonly filters: Readonly<Record<string, string>>;
  /** Sort key, as it is ordered by; together unique. */
  readonly key: readonly { readonly expression: string; readonly type: 'time' | 'text'; readonly column: string }[];
  readonly direction: 'ASC' | 'DESC';
  readonly toItem: (row: TextRow) => Readonly<Record<string, unknown>>;
};

export type PageRequest = {
  readonly filters: Readonly<Record<string, FilterValue | undefined>>;
  readonly limit: number;
  readonly cursor: string | undefined;
};

/**
 * The statement for one page and one row more, which tells whether another page follows.
 * @throws {HttpProblem} 400 INVALID_PARAMETER for a cursor that is none of this list
 */
export function pageStatement(view: ListView, page: PageRequest): Statement {
  const values: unknown[] = [];
  const parameter = (value: unknown) => `$${values.push(value)}`;
  const conditions: string[] = [];
  for (const [name, value] of Object.entries(page.filters)) {
    const condition = view.filters[name];
    if (value === undefined || condition === undefined) continue;
    conditions.push(
      condition.replace('$', () => (typeof value === 'number' ? timeOf(parameter(value)) : parameter(value))),
    );
  }
  if (page.cursor !== undefined) {
    const key = cursorOf(view, page.cursor);
    const after = view.key.map(({ type }, index) =>
      type === 'time' ? timeOf(parameter(key[index])) : parameter(key[index]),
    );
    const columns = view.key.map(({ expression }) => expression);
    conditions.push(`(${columns.join(', ')}) ${view.direction === 'ASC' ? '>' : '<'} (${after.join(', ')})`);
  }
  const order = view.key.map(({ expression }) => `${expression} ${view.direction}`).join(', ');
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return { text: `${view.select}${where} ORDER BY ${order} LIMIT ${parameter(page.limit + 1)}`, values };
}

/** The rows as one page. */
export function pageOf(view: ListView, rows: readonly TextRow[], limit: number): Readonly<Record<string, unknown>> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  const nextCursor =
    last === undefined
      ? null
      : encodeCursor(
          view.name,
          view.key.map(({ column }) => last[column] ?? ''),
        );
  return { items: shown.map(view.toItem), nextCursor };
}

/** What a key of a row can be: a cursor made by hand must not reach the database with more. */
const ID = /^[A-Za-z0-9._:-]{1,64}$/;
const MICROS = /^\d{1,16}$/;

function cursorOf(view: ListView, text: string): Cursor {
  const key = decodeCursor(view.name, text, view.key.length);
  const isWellTyped = key?.every((part, index) => (view.key[index]?.type === 'text' ? ID : MICROS).test(part)) ?? false;
  if (key === null || !isWellTyped)
    throw badRequest('INVALID_PARAMETER', 'cursor', 'the nextCursor of a page of this list');
  return key;
}

/** Exact to the microsecond, which a floating-point epoch is not. */
function timeOf(parameter: string): string {
  return `(timestamptz 'epoch' + ${parameter}::bigint * interval '1 microsecond')`;
}
