import type { EventEnvelope } from '@tradestream/trading';
import type { ProjectorError } from './errors.ts';

/** How far a projection is in one partition, as `views.positions` holds it. */
export type Position = {
  /** Every event up to here is in the projection's rows. */
  readonly seq: number;
  /** Every record below this offset is one of those events. */
  readonly nextOffset: number;
  /** Timeline of the event at `seq`. */
  readonly timeline: number;
};

/** Why a projection does not go on in a partition, and when it is tried again: never for some. */
export type Stop = { readonly error: ProjectorError; readonly retryAtMs: number };

/** One projection in one partition. The database is the judge: every move repeats the value it starts from. */
export type Cursor = {
  readonly projection: string;
  readonly partition: number;
  /** Of the rows that are read: a move of another version's position is refused. */
  version: number;
  /** What the database holds, as it last answered. */
  held: Position;
  /** The same with the batches under way. */
  ahead: Position;
  stop: Stop | null;
  /** Stops since the last event that was taken: the pauses between them grow. */
  stops: number;
  /** The event that this projection cannot take; it stops before it. */
  refused: { readonly seq: number; readonly error: ProjectorError } | null;
};

/** A projection that must not go on in a partition: it stands before a record or an event. */
export type Standstill = { readonly cursor: Cursor; readonly error: ProjectorError };

/** From where to where a position moves. */
export type PositionMove = {
  readonly cursor: Cursor;
  readonly from: Position;
  readonly to: Position;
};

/**
 * What a position says of an event. `next`: apply it. `held`: it came again, drop it. `gap`: events
 * before it are missing. `contradiction`: the ledger went on from an earlier state than the one
 * projected, or an abandoned primary still publishes; never to be folded into these rows.
 */
export type Placing = 'next' | 'held' | 'gap' | 'contradiction';

export function placeEvent(position: Position, event: Pick<EventEnvelope, 'seq' | 'timeline'>): Placing {
  if (event.seq <= position.seq) return event.timeline > position.timeline ? 'contradiction' : 'held';
  if (event.timeline < position.timeline) return 'contradiction';
  return event.seq === position.seq + 1 ? 'next' : 'gap';
}
