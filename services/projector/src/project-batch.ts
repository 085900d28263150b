import type { Session } from '@tradestream/database';
import { errorOf, invariant } from '@tradestream/runtime';
import { BatchFailure, type ProjectorError } from './errors.ts';
import type { EventReader } from './event-reader.ts';
import type { Inbox } from './inbox.ts';
import { placeEvents, type Share } from './place-events.ts';
import type { Cursor } from './position.ts';
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
  /** Version of the projections' rows; a rebuild beside them has a higher one. */
  readonly version: number;
  readonly commitTimeoutMs: number;
  /** Records that must wait before a batch is built while another commits; below it they gather. */
  readonly aheadRecordsMin: number;
  readonly onStopped: (cursor: Cursor, error: ProjectorError) => void;
  readonly onCommitted: (batch: Batch) => void;
};

export type BatchOptions = { readonly countMax: number; readonly careful: boolean };

/** One transaction's worth of what is to be written. */
export type Batch = {
  readonly shares: readonly Share[];
  readonly records: TakenRecords;
  readonly startedMs: number;
};

type InFlight = { readonly batch: Batch; readonly outcome: Promise<BatchFailure | null> };

/**
 * Projects what waits, a batch at a time. While one batch commits the next is built on its rows; at
 * most that one is thrown away when the first fails.
 */
export class BatchProjector {
  readonly #bench: BatchBench;
  #inFlight: InFlight | null = null;

  constructor(bench: BatchBench) {
    this.#bench = bench;
  }

  /** Whether a batch is under way. */
  get busy(): boolean {
    return this.#inFlight !== null;
  }

  /**
   * Takes what waits and sends it; its commit is awaited by the next call or by `settle`. Answers
   * with the number of records taken.
   * @throws {BatchFailure} of this batch or the one before: all their records are back in the inbox
   */
  async projectWaiting({ countMax, careful }: BatchOptions): Promise<number> {
    const { inbox, link, reader, cursors, aheadRecordsMin, onStopped } = this.#bench;
    if (careful || inbox.waiting < aheadRecordsMin) await this.settle();
    const startedMs = performance.now();
    let records: TakenRecords = inbox.take(countMax);
    try {
      const { writes: session, loads } = link.sessions;
      const read = await readLanes({ inbox, reader, loads, cursors, countMax, onStopped }, records);
      records = read.used;
      const { shares, contradictions } = placeEvents(read.lanes, cursors);
      for (const { cursor, error } of contradictions) onStopped(cursor, error);
      await this.#loadRows(shares, loads, careful);
      const writes = this.#foldShares(shares);
      const failed = (await this.#inFlight?.outcome) ?? null;
      if (failed !== null) throw failed;
      this.#inFlight = null;
      this.#send(session, { shares, records, startedMs }, writes);
    } catch (error) {
      this.#putBack(records);
      await this.settle(); // when the batch before has failed too, that is the cause
      throw error instanceof BatchFailure ? error : new BatchFailure(errorOf(error), null);
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
    this.#putBack(inFlight.batch.records);
    throw failure;
  }

  async #loadRows(shares: readonly Share[], session: Session, careful: boolean): Promise<void> {
    const loads = shares.map(async ({ projection, events }) => {
      const view = this.#viewOf(projection);
      const statement = view.missing(events, careful);
      if (statement !== null) view.take((await session.query(statement)).rows);
    });
    await Promise.all(loads);
  }

  #foldShares(shares: readonly Share[]): readonly ProjectionWrite[] {
    return shares.map(({ projection, events }) => {
      try {
        return { projection, statements: this.#viewOf(projection).fold(events) };
      } catch (error) {
        throw new BatchFailure(errorOf(error), projection);
      }
    });
  }

  #send(session: Session, batch: Batch, writes: readonly ProjectionWrite[]): void {
    const { version, commitTimeoutMs, onCommitted } = this.#bench;
    const moves = batch.shares.flatMap((share) => share.moves);
    if (moves.length === 0) return;
    for (const { cursor, to } of moves) cursor.ahead = to;
    const outcome = writeBatch(session, { moves, writes }, { version, commitTimeoutMs }).then(
      () => {
        for (const { cursor, to } of moves) cursor.held = to;
        onCommitted(batch);
        return null;
      },
      (error: unknown) => (error instanceof BatchFailure ? error : new BatchFailure(errorOf(error), null)),
    );
    this.#inFlight = { batch, outcome };
  }

  #putBack(records: TakenRecords): void {
    for (const [partition, ofLane] of records) this.#bench.inbox.putBack(partition, ofLane);
  }

  #viewOf(projection: string): View {
    const view = this.#bench.views.find(({ name }) => name === projection);
    invariant(view !== undefined, `projection ${projection} has a view`);
    return view;
  }
}

function countOf(records: TakenRecords): number {
  let count = 0;
  for (const ofLane of records.values()) count += ofLane.length;
  return count;
}
