import { frame } from '@tradestream/contracts';
import { arrays, type Session } from '@tradestream/database';
import type { OutgoingRecord, Producer } from '@tradestream/messaging';
import { AppError, errorOf, type Logger, nextPauseMs, type Readiness, sleep } from '@tradestream/runtime';
import type { EventType } from '@tradestream/trading';
import { WorkerError } from '../errors.ts';
import type { LedgerLink } from '../ownership/ledger-link.ts';
import type { Position, Positions } from '../ownership/position.ts';
import type { WorkerMetrics } from '../worker-metrics.ts';
import { copyDeadLetters } from './copy-dead-letters.ts';
import { RecentEvents } from './recent-events.ts';
import { type LoadedEvent, recordOf, type WrittenEvents } from './written-events.ts';

export type RelayOptions = {
  readonly link: LedgerLink;
  readonly producer: Producer;
  readonly positions: Positions;
  readonly commandsTopic: string;
  readonly eventsTopic: string;
  readonly deadLettersTopic: string;
  /** Most events of one send. */
  readonly eventsMax: number;
  /** Most committed events that are kept for it; a relay further behind reads the table. */
  readonly recentEventsMax: number;
  /** Most bytes of the batches that they are kept in. */
  readonly recentBytesMax: number;
  readonly log: Logger;
  readonly readiness: Readiness;
  readonly metrics: WorkerMetrics;
};

type EventRow = {
  seq: string;
  key: string;
  type: EventType;
  schema_id: number;
  payload: Buffer;
  timeline: number;
  occurred_at: string;
  traceparent: string | null;
};

/** What comes next of a partition, and where its last one stands. */
type NextEvents = {
  readonly position: Position;
  readonly records: readonly OutgoingRecord[];
  readonly lastSeq: number;
};

const PAUSE = { initialMs: 100, maxMs: 5_000 } as const;
/** An idle owner marks what it has published after this pause; a busy one's next batch carries it. */
const MARK_PAUSE_MS = 200;
/** Longest wait for the database after `stop`. */
const GIVE_UP_MS = 1_500;

/**
 * Publishes the events of owned partitions, in (partition, seq) order, one batch outstanding. Only
 * what a COMMIT has answered as durable is published: the quorum of standbys has flushed it. Killed
 * between publish and mark it publishes again, and readers drop what they have; it never skips. What was
 * committed a moment ago comes from memory, everything else from the table.
 */
export class EventRelay {
  readonly #options: RelayOptions;
  readonly #stopping = new AbortController();
  readonly #recent: RecentEvents;
  #session: Session | null = null;
  #wake: PromiseWithResolvers<void> | null = null;
  #notified = false;
  /** Positions whose next event is not in the ledger; a new claim makes a new position and looks again. */
  readonly #broken = new WeakSet<Position>();
  #deadLettersWait = true;
  #pauseMs = 0;
  #givingUp: NodeJS.Timeout | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#recent = new RecentEvents({ countMax: options.recentEventsMax, bytesMax: options.recentBytesMax });
  }

  /** Events that are durable now. */
  committed(written: WrittenEvents | null): void {
    if (written !== null) this.#recent.add(written);
  }

  /** Ownership has changed, or what is durable was asked for anew: nothing that was kept is relied on. */
  claimed(): void {
    this.#recent.clear();
    this.notify(true);
  }

  /** There may be something to publish. `deadLetters`: records were parked, or partitions claimed. */
  notify(deadLetters: boolean): void {
    this.#deadLettersWait ||= deadLetters;
    this.#notified = true;
    this.#wake?.resolve();
    this.#wake = null;
  }

  async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#notified = false; // what comes from here on is looked at in the next round
        const published = await this.#publishOnce();
        if (this.#deadLettersWait) await this.#copyDeadLetters();
        if (published === 0) await this.#rest();
        this.#recovered();
      } catch (error) {
        if (!signal.aborted) await this.#pause(errorOf(error));
      }
    }
    await this.#markPublished().catch(() => undefined); // the next owner publishes again what was not marked
    clearTimeout(this.#givingUp);
    await this.#session?.close();
  }

  /** Ends `run`. An answer of the database that does not come by then is given up: nothing of worth hangs on it. */
  stop(): void {
    this.#stopping.abort();
    this.notify(false);
    this.#givingUp = setTimeout(() => void this.#session?.close(), GIVE_UP_MS);
  }

  async #publishOnce(): Promise<number> {
    const behind = this.#owned().filter(
      (position) => position.publishedSeq < position.committed.seq && !this.#broken.has(position),
    );
    if (behind.length === 0) return 0;
    const { answer, count, reached } = await this.#sendNext(behind);
    await answer;
    for (const { position, seq } of reached) position.publishedSeq = Math.max(position.publishedSeq, seq);
    this.#options.metrics.published(count);
    return count;
  }

  /** The records are held by the producer alone, which lets them go as soon as they are in a batch. */
  async #sendNext(behind: readonly Position[]) {
    const { producer, eventsTopic, eventsMax } = this.#options;
    const share = Math.max(1, Math.floor(eventsMax / behind.length));
    const next = await Promise.all(behind.map(async (position) => await this.#next(position, share)));
    const records = next.flatMap((events) => events.records);
    const reached = next.map(({ position, lastSeq }) => ({ position, seq: lastSeq }));
    const answer = producer.send(eventsTopic, records, { signal: this.#stopping.signal, places: false });
    return { answer, count: records.length, reached };
  }

  /** What comes next, from memory or else from the table. */
  async #next(position: Position, countMax: number): Promise<NextEvents> {
    const { partition, publishedSeq } = position;
    const range = { fromSeq: publishedSeq + 1, toSeq: position.committed.seq, countMax };
    const kept = this.#recent.next(partition, range);
    if (kept.length > 0) return { position, records: kept, lastSeq: publishedSeq + kept.length };
    const events = this.#unbroken(position, await loadEvents(await this.#open(), position, countMax));
    const records = events.map((event) => recordOf(partition, event));
    return { position, records, lastSeq: events.at(-1)?.seq ?? publishedSeq };
  }

  /** The events up to the first that is missing. A partition that misses its next one stops: nothing is skipped. */
  #unbroken(position: Position, events: readonly LoadedEvent[]): readonly LoadedEvent[] {
    const missing = events.findIndex((event, index) => event.seq !== position.publishedSeq + index + 1);
    if (missing > 0 || (missing < 0 && events.length > 0)) return missing < 0 ? events : events.slice(0, missing);
    const { log, readiness } = this.#options;
    const { partition } = position;
    const error = new WorkerError('EVENTS_MISSING', { context: { partition, seq: position.publishedSeq + 1 } });
    this.#broken.add(position);
    log.error({ error, partition }, 'relay_stopped');
    readiness.set(`partition-${partition}`, false, error.message);
    return [];
  }

  /** Waits for more; when none comes soon, marks what was published. */
  async #rest(): Promise<void> {
    if (this.#notified) return;
    this.#wake ??= Promise.withResolvers<void>();
    const woken = this.#wake.promise;
    const unmarked = this.#owned().some((position) => position.markedSeq < position.publishedSeq);
    if (!unmarked) return await woken;
    const idle = await Promise.race([
      woken.then(() => false),
      sleep(MARK_PAUSE_MS, this.#stopping.signal).then(() => true),
    ]);
    if (idle) await this.#markPublished();
  }

  async #markPublished(): Promise<void> {
    const unmarked = this.#owned().filter((position) => position.markedSeq < position.publishedSeq);
    if (unmarked.length === 0) return;
    const session = await this.#open();
    const marks = unmarked.map((position) => ({ position, seq: position.publishedSeq }));
    await session.query({
      text: 'SELECT ledger.mark_published($1, $2, $3, $4)',
      values: [
        this.#options.commandsTopic,
        arrays.int4(marks.map(({ position }) => position.partition)),
        arrays.int8(marks.map(({ position }) => position.epoch)),
        arrays.int8(marks.map(({ seq }) => seq)),
      ],
    });
    for (const { position, seq } of marks) position.markedSeq = Math.max(position.markedSeq, seq);
  }

  async #copyDeadLetters(): Promise<void> {
    const { producer, deadLettersTopic, commandsTopic, log } = this.#options;
    const partitions = this.#owned().map((position) => position.partition);
    if (partitions.length === 0) return;
    this.#deadLettersWait = false;
    try {
      const session = await this.#open();
      const mayBeMore = await copyDeadLetters({
        session,
        producer,
        commandsTopic,
        deadLettersTopic,
        partitions,
        log,
        signal: this.#stopping.signal,
      });
      this.#deadLettersWait ||= mayBeMore; // others may have been parked meanwhile
    } catch (error) {
      this.#deadLettersWait = true;
      throw error;
    }
  }

  async #pause(error: Error): Promise<void> {
    const { log, readiness } = this.#options;
    if (!(error instanceof AppError)) throw error;
    readiness.set('relay', false, error.message);
    log.warn({ error }, 'publish_failed');
    await this.#session?.close();
    this.#session = null;
    this.#pauseMs = nextPauseMs(PAUSE, this.#pauseMs);
    await sleep(this.#pauseMs, this.#stopping.signal).catch(() => undefined); // stopping ends the loop
  }

  #recovered(): void {
    this.#pauseMs = 0;
    this.#options.readiness.set('relay', true);
  }

  #owned(): readonly Position[] {
    return [...this.#options.positions.values()];
  }

  async #open(): Promise<Session> {
    if (this.#session === null || this.#session.closed.aborted)
      this.#session = await this.#options.link.openSession('relay');
    return this.#session;
  }
}

/**
 * The next events of a partition, by their place and up to what is durable. They end at a sequence: by the
 * LIMIT alone the plan of a prepared statement reads and sorts all that waits, each time.
 */
export async function loadEvents(
  session: Session,
  position: Position,
  countMax: number,
): Promise<readonly LoadedEvent[]> {
  const lastSeq = Math.min(position.committed.seq, position.publishedSeq + countMax);
  const { rows } = await session.query<EventRow>({
    name: 'load_events',
    text: `SELECT e.seq::text AS seq, e.key, e.type, e.schema_id, e.payload, e.timeline, e.traceparent,
                  (extract(epoch FROM e.occurred_at) * 1000)::bigint::text AS occurred_at
           FROM ledger.events AS e WHERE e.partition = $1 AND e.seq > $2 AND e.seq <= $3 ORDER BY e.seq LIMIT $4`,
    values: [position.partition, position.publishedSeq, lastSeq, countMax],
  });
  return rows.map((row) => ({
    seq: Number(row.seq),
    key: row.key,
    type: row.type,
    timeline: row.timeline,
    timestampMs: Number(row.occurred_at),
    traceparent: row.traceparent,
    value: frame(row.schema_id, row.payload),
  }));
}
