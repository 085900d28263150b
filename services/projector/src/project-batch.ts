import type { Session } from '@tradestream/database';
import { errorOf, invariant } from '@tradestream/runtime';
import { BatchFailure } from './errors.ts';
import type { EventReader } from './event-reader.ts';
import type { Inbox } from './inbox.ts';
import { placeEvents, type Share } from './place-events.ts';
import type { Cursor, Standstill } from './position.ts';
import { readLanes, type TakenRecords } from './read-lanes.ts';
import type { ViewLink } from './view-link.ts';
import { type ProjectionWrite, writeBatch } from './view-store.ts';
import type { View } from './views/view.ts';

export type BatchBench = {
  readonly inbox: Inbox;
  readonly link: ViewLink;
  readonly reader: EventReader;
  readonly views: readonly View[];
  readonly cursors: readonly Cursor[];
  readonly commitTimeoutMs: number;
  /** Records that must wait before a batch is built while another commits; below it they gather. */
  readonly aheadRecordsMin: number;
  /** A projection has committed all that comes before what it cannot get past. */
  readonly onStopped: (standstill: Standstill) => void;
  readonly onCommitted: (batch: Batch) => void;
};

/** One transaction's worth of what is to be written. */
export type Batch = {
  readonly shares: readonly Share[];
  readonly records: TakenRecords;
  /** Those that go no further than this batch; undone with it when it does not commit. */
  readonly standstills: readonly Standstill[];
  readonly startedMs: number;
};

type InFlight = { readonly batch: Batch; readonly outcome: Promise<BatchFailure | null> };

/**
 * Projects what waits, a batch at a time: read, place, fold, write, in that order. While one batch
 * commits the next is built; it is sent when the first has committed, and put back when it has not.
 */
export class BatchProjector {
  readonly #bench: BatchBench;
  #inFlight: InFlight | null = null;

  constructor(bench: BatchBench) {
    this.#bench = bench;
  }

  /** Whether a batch is under way, or has landed and was not looked at. */
  get busy(): boolean {
    return this.#inFlight !== null;
  }

  /**
   * Takes what waits and sends it; its commit is awaited by the next call or by `settle`. Answers
   * with the number of records taken.
   * @throws {BatchFailure} of this batch or the one before: all their records are back in the inbox
   * and no cursor is ahead of what is known to be held
   */
  async projectWaiting(countMax: number): Promise<number> {
    const { inbox, link, reader, cursors, aheadRecordsMin } = this.#bench;
    if (inbox.waiting < aheadRecordsMin) await this.settle();
    const startedMs = performance.now();
    let records: TakenRecords = inbox.take(countMax);
    const standstills: Standstill[] = [];
    try {
      const { session } = link;
      const read = await readLanes({ reader, session, cursors, countMax }, records);
      this.#putBack(read.unused);
      records = read.used;
      const placed = placeEvents(read.lanes, cursors);
      standstills.push(...read.standstills, ...placed.standstills);
      for (const { cursor, error } of standstills) cursor.stop = { error, retryAtMs: Number.POSITIVE_INFINITY };
      const writes = placed.shares.map((share) => this.#fold(share));
      const failed = (await this.#inFlight?.outcome) ?? null;
      if (failed !== null) throw failed;
      this.#inFlight = null;
      this.#send(session, { shares: placed.shares, records, standstills, startedMs }, writes);
    } catch (error) {
      this.#undo({ records, standstills });
      await this.settle(); // when the batch before has failed too, that is the cause
      throw error instanceof BatchFailure ? error : new BatchFailure(errorOf(error));
    }
    return countOf(records);
  }

  /** Resolves when the batch under way, if any, has its outcome. Never rejects. */
  async landed(): Promise<void> {
    await this.#inFlight?.outcome;
  }

  /**
   * Waits for the batch under way.
   * @throws {BatchFailure} when it did not commit: its records are back in the inbox
   */
  async settle(): Promise<void> {
    const inFlight = this.#inFlight;
    if (inFlight === null) return;
    const failure = await inFlight.outcome;
    this.#inFlight = null;
    if (failure === null) return;
    this.#undo(inFlight.batch);
    for (const cursor of this.#bench.cursors) cursor.ahead = cursor.held;
    throw failure;
  }

  /** @throws {BatchFailure} that names the event which the projection refuses */
  #fold({ projection, events }: Share): ProjectionWrite {
    const view = this.#bench.views.find(({ name }) => name === projection);
    invariant(view !== undefined, `projection ${projection} has a view`);
    const fold = view.begin();
    for (const event of events) {
      try {
        fold.take(event);
      } catch (error) {
        throw new BatchFailure(errorOf(error), { projection, events: [event] });
      }
    }
    return { projection, statements: fold.statements() };
  }

  #send(session: Session, batch: Batch, writes: readonly ProjectionWrite[]): void {
    const { commitTimeoutMs, onCommitted, onStopped } = this.#bench;
    const moves = batch.shares.flatMap((share) => share.moves);
    if (moves.length === 0) {
      for (const standstill of batch.standstills) onStopped(standstill);
      return;
    }
    for (const { cursor, to } of moves) cursor.ahead = to;
    const written = writeBatch(session, { moves, writes }, { commitTimeoutMs });
    const outcome = written.then((failure) => {
      if (failure !== null) {
        return new BatchFailure(
          failure.error,
          batch.shares.find(({ projection }) => projection === failure.projection),
        );
      }
      for (const { cursor, to } of moves) {
        cursor.held = to;
        cursor.stops = 0;
      }
      onCommitted(batch);
      for (const standstill of batch.standstills) onStopped(standstill);
      return null;
    });
    this.#inFlight = { batch, outcome };
  }

  #undo({ records, standstills }: Pick<Batch, 'records' | 'standstills'>): void {
    this.#putBack(records);
    for (const { cursor } of standstills) cursor.stop = null;
  }

  #putBack(records: TakenRecords): void {
    for (const [partition, ofLane] of records) this.#bench.inbox.putBack(partition, ofLane);
  }
}

function countOf(records: TakenRecords): number {
  let count = 0;
  for (const ofLane of records.values()) count += ofLane.length;
  return count;
}
