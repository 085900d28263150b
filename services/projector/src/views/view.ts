import type { Statement } from '@tradestream/database';
import type { EventEnvelope } from '@tradestream/trading';

/**
 * One projection: a pure fold, and the SQL of its rows. What a view keeps between batches is a
 * guess: each write repeats what it read, and a guess that was wrong rolls the batch back.
 */
export interface View {
  readonly name: string;
  /**
   * The statement that reads the present rows that folding these events needs and that are not at
   * hand; null when nothing is missing. `careful`: nothing may be taken for absent unread.
   */
  missing(events: readonly EventEnvelope[], careful: boolean): Statement | null;
  /** Takes the rows that `missing` asked for. */
  take(rows: readonly object[]): void;
  /** Folds events, in their order, onto the present rows: the statements that write the final rows, by key. */
  fold(events: readonly EventEnvelope[]): readonly Statement[];
  /** Drops what is kept: a batch did not commit, or its guesses were wrong. */
  forget(): void;
}

/** A row as it was read, null when there was none, and as it is to be. */
export type Folded<Row> = { readonly before: Row | null; now: Row };

/** Byte order, as the collation "C" of the keys: every id is ASCII. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The statement for these rows, or none when there are none. */
export function forRows<Row>(rows: readonly Row[], make: (rows: readonly Row[]) => Statement): readonly Statement[] {
  return rows.length === 0 ? [] : [make(rows)];
}
