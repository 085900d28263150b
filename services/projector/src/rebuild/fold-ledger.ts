import type { Session } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import type { EventEnvelope } from '@tradestream/trading';
import { ProjectorError } from '../errors.ts';
import type { Position } from '../position.ts';
import type { Fold, View } from '../views/view.ts';
import { type LedgerSource, readLedger } from './ledger-pages.ts';

/** By partition. */
export type Positions = ReadonlyMap<number, Position>;

/** From where a fold starts and where it ends, by partition; offsets come with the end. */
export type Stretch = {
  readonly from: Positions;
  readonly to: ReadonlyMap<number, Pick<Position, 'seq' | 'nextOffset'>>;
};

/** What is written at once, and the positions that it leads to. */
export type Chunk = { readonly fold: Fold; readonly reached: Positions; readonly eventCount: number };

/** A chunk is written when it has so many rows, or is of so many events that progress should be kept. */
const ROWS_MAX = 40_000;
const EVENTS_MAX = 120_000;

/**
 * Folds the events between two positions, a chunk at a time; the next one is folded while one is
 * written. Positions that are at the end already, or beyond, are left.
 * @throws {ProjectorError} EVENT_REFUSED, LEDGER_INCOMPLETE, SCHEMA_UNKNOWN; and what `write` throws
 */
export async function foldLedger(
  source: LedgerSource,
  view: View,
  stretch: Stretch,
  write: (chunk: Chunk) => Promise<void>,
): Promise<void> {
  let written: Promise<void> = Promise.resolve();
  let chunk = emptyChunk(view);
  const send = async () => {
    const full = chunk;
    chunk = emptyChunk(view);
    await written;
    written = write(full);
    written.catch(() => undefined); // awaited before the next is sent, and at the end
  };
  for (const [partition, { seq: upToSeq, nextOffset }] of stretch.to) {
    const from = stretch.from.get(partition) ?? { seq: 0, nextOffset: 0, timeline: 0 };
    if (from.seq > upToSeq) continue;
    let at = from;
    for await (const page of readLedger(source, { partition, afterSeq: from.seq, upToSeq })) {
      for (const event of page.events) takeInto(chunk.fold, view, event);
      chunk.eventCount += page.seq - at.seq;
      at = { seq: page.seq, timeline: page.timeline, nextOffset: from.nextOffset };
      chunk.reached.set(partition, at);
      if (chunk.fold.rowCount() >= ROWS_MAX || chunk.eventCount >= EVENTS_MAX) await send();
    }
    chunk.reached.set(partition, { ...at, nextOffset: Math.max(from.nextOffset, nextOffset) });
  }
  if (chunk.reached.size > 0) await send();
  await written;
}

/**
 * Writes what was folded into a table that nobody else writes; the next rows are made ready while some
 * are written.
 */
export async function writeFold(session: Session, fold: Fold, table: string): Promise<void> {
  let written: Promise<unknown> = Promise.resolve();
  for (const statement of fold.slices(table)) {
    await written;
    written = session.query(statement);
    written.catch(() => undefined); // awaited before the next is sent, and at the end
  }
  await written;
}

function emptyChunk(view: View) {
  return { fold: view.begin(), reached: new Map<number, Position>(), eventCount: 0 };
}

/** @throws {ProjectorError} EVENT_REFUSED */
export function takeInto(fold: Fold, view: View, envelope: EventEnvelope): void {
  try {
    fold.take(envelope);
  } catch (cause) {
    const { partition, seq, event } = envelope;
    const context = { projection: view.name, partition, seq, type: event.type };
    throw new ProjectorError('EVENT_REFUSED', { cause, detail: errorOf(cause).message, context });
  }
}
