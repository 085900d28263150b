import { DatabaseError } from '@tradestream/database';
import type { LogAdmin, RecordBatch, Subscription, SubscriptionHandler } from '@tradestream/messaging';
import {
  AppError,
  errorOf,
  type Logger,
  nextPauseMs,
  type Readiness,
  RuntimeError,
  untilAnswered,
} from '@tradestream/runtime';
import type { Bell } from './bell.ts';
import { chooseStarts } from './choose-starts.ts';
import type { Deference } from './deference.ts';
import { BatchFailure, type Blame, ProjectorError } from './errors.ts';
import type { EventReader } from './event-reader.ts';
import { Inbox } from './inbox.ts';
import type { Cursor, Standstill } from './position.ts';
import { BatchProjector } from './project-batch.ts';
import type { ProjectorMetrics } from './projector-metrics.ts';
import type { ViewLink } from './view-link.ts';
import { loadPositions, type StoredPosition, writeBatch } from './view-store.ts';
import type { View } from './views/view.ts';

export type ProjectorOptions = {
  readonly link: ViewLink;
  readonly reader: EventReader;
  readonly admin: LogAdmin;
  readonly topic: string;
  readonly views: readonly View[];
  readonly batchRecordsMax: number;
  readonly aheadRecordsMin: number;
  readonly queueRecordsMax: number;
  readonly commitTimeoutMs: number;
  readonly bell: Bell;
  readonly deference: Deference;
  readonly metrics: ProjectorMetrics;
  readonly readiness: Readiness;
  readonly log: Logger;
};

/** What is this projector's until the group takes it away. */
type Share = {
  readonly partitions: readonly number[];
  readonly cursors: readonly Cursor[];
  readonly inbox: Inbox;
  readonly batches: BatchProjector;
};

const SOON = { initialMs: 5, maxMs: 100 } as const;
const EVERY_CLASS = ['now', 'later', 'settle', 'never'] as const;
const LATER = { initialMs: 200, maxMs: 5_000 } as const;
const STOP_PAUSE = { initialMs: 1_000, maxMs: 60_000 } as const;

/**
 * Projects the partitions that it is given, one thing at a time:
 *
 *   projecting -> projecting           a batch was committed
 *   projecting -> projecting narrowed  a projection's statements fail for good: halved until one event stands alone
 *   projecting -> stopped, in part     a projection cannot take an event: it goes no further in that partition
 *   stopped    -> projecting           what was missing (a schema, events in a gap) is looked for again
 *   projecting -> pausing              database or registry away: try again, later and later, for ever
 *   projecting -> loading              outcome unknown, connection lost or another projector was here
 *   loading    -> projecting           with what the database says
 */
export class Projector implements SubscriptionHandler {
  readonly #options: ProjectorOptions;
  readonly #errands: (() => Promise<void>)[] = [];
  readonly #stopping = new AbortController();
  #subscription: Subscription | null = null;
  #share: Share | null = null;
  #countMax: number;
  #mustLoad = false;
  #pauseMs = 0;
  #pausedUntilMs = 0;

  constructor(options: ProjectorOptions) {
    this.#options = options;
    this.#countMax = options.batchRecordsMax;
  }

  /** How far each projection is in each partition of this projector. */
  get cursors(): readonly Cursor[] {
    return this.#share?.cursors ?? [];
  }

  attach(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  async assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    return await this.#errand(async () => await this.#take(partitions, signal));
  }

  async revoked(): Promise<void> {
    await this.#errand(async () => await this.#giveUp());
  }

  async records(batch: RecordBatch): Promise<void> {
    const { metrics, deference } = this.#options;
    metrics.sawEnd(batch.partition, batch.highWatermark);
    deference.saw(batch.records.at(-1)?.timestampMs ?? 0);
    await this.#share?.inbox.push(batch.partition, batch.records);
  }

  /** Runs until `stop`; a failure that only a new process can mend rejects. */
  async run(): Promise<void> {
    const { bell, deference, link } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const errand = this.#errands.shift();
      const waitMs = Math.max(this.#pausedUntilMs - performance.now(), deference.restMs());
      if (errand !== undefined) await errand();
      else if (waitMs > 0) await bell.heard(waitMs);
      else await this.#step();
    }
    await this.#giveUp();
    for (const errand of this.#errands.splice(0)) await errand();
    await link.close();
  }

  /** Ends `run` after the batch under way. */
  stop(): void {
    this.#stopping.abort();
    this.#options.bell.ring();
  }

  async #step(): Promise<void> {
    const { bell, deference } = this.#options;
    try {
      const share = this.#share;
      if (share === null) return await bell.heard();
      if (this.#mustLoad || !this.#options.link.isOpen) await this.#loadAgain(share);
      this.#resumeStopped(share);
      if (share.inbox.waiting > 0) {
        const startedMs = performance.now();
        await share.batches.projectWaiting(this.#countMax);
        deference.worked(performance.now() - startedMs);
        this.#countMax = Math.min(this.#options.batchRecordsMax, this.#countMax * 2);
      } else if (share.batches.busy) {
        await Promise.race([share.batches.landed(), bell.heard()]);
        if (share.inbox.waiting === 0) await share.batches.settle();
      } else {
        await bell.heard(untilRetry(share.cursors));
      }
    } catch (error) {
      this.#recover(errorOf(error));
    }
  }

  /** Decides what a failed batch means; whatever was taken is back in the inbox. */
  #recover(error: Error): void {
    const { cause, blame } = error instanceof BatchFailure ? error : new BatchFailure(error);
    const { log, metrics } = this.#options;
    if (blame !== null && isRefusal(cause)) return this.#narrow(cause, blame);
    if (!(cause instanceof AppError)) throw cause;
    metrics.retried(cause.code);
    log.warn({ error: cause, projection: blame?.projection }, 'batch_failed');
    this.#mustLoad ||= cause instanceof DatabaseError;
    this.#pause(cause);
  }

  /** One event alone is refused; of several, half are tried next. */
  #narrow(cause: Error, { projection, events }: Blame): void {
    const [only] = events;
    if (events.length > 1 || only === undefined) {
      this.#countMax = Math.max(1, Math.floor(Math.min(events.length, this.#countMax) / 2));
      return;
    }
    const { partition, seq } = only;
    const cursor = this.cursors.find((each) => each.projection === projection && each.partition === partition);
    if (cursor === undefined) return;
    const context = { projection, partition, seq, type: only.event.type };
    cursor.refused = { seq, error: new ProjectorError('EVENT_REFUSED', { cause, detail: cause.message, context }) };
  }

  /** Short pauses for what goes away by itself, longer and longer ones up to 5 s for what is away. */
  #pause(cause: AppError): void {
    const { readiness } = this.#options;
    const isSoon = cause.retry === 'now' || cause.retry === 'settle';
    this.#pauseMs = nextPauseMs(isSoon ? SOON : LATER, this.#pauseMs);
    this.#pausedUntilMs = performance.now() + this.#pauseMs;
    if (!isSoon) readiness.set('projecting', false, cause.message);
  }

  #onCommitted(): void {
    this.#pauseMs = 0;
    this.#options.readiness.set('projecting', true);
  }

  #onStopped(share: Pick<Share, 'cursors' | 'inbox'>, { cursor, error }: Standstill): void {
    const { log, metrics, readiness } = this.#options;
    const { projection, partition } = cursor;
    const pauseMs = Math.min(STOP_PAUSE.maxMs, STOP_PAUSE.initialMs * 2 ** cursor.stops);
    cursor.stops += 1;
    cursor.stop = {
      error,
      retryAtMs: error.retry === 'never' ? Number.POSITIVE_INFINITY : performance.now() + pauseMs,
    };
    log.error({ error, projection, partition, position: cursor.held }, 'projection_stopped');
    readiness.set(`${projection}/${partition}`, false, error.message);
    metrics.stopped(cursor, true);
    const isLast = share.cursors.every((each) => each.partition !== partition || each.stop !== null);
    if (isLast) share.inbox.block(partition, true);
  }

  /** Lets those go on whose time has come. What others have taken meanwhile is fetched again. */
  #resumeStopped({ cursors, inbox }: Share): void {
    const { metrics, readiness } = this.#options;
    let mustFetchAgain = false;
    for (const cursor of cursors) {
      if (cursor.stop === null || cursor.stop.retryAtMs > performance.now()) continue;
      const { projection, partition } = cursor;
      cursor.stop = null;
      readiness.set(`${projection}/${partition}`, true);
      metrics.stopped(cursor, false);
      inbox.block(partition, false);
      mustFetchAgain ||= inbox.firstOffset(partition) > cursor.ahead.nextOffset;
    }
    if (mustFetchAgain) this.#fetchAgain();
  }

  async #take(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
    await this.#giveUp();
    const { views, admin, topic, readiness, log } = this.#options;
    const ended = AbortSignal.any([signal, this.#stopping.signal]);
    const stored = await this.#untilAnswered('database', ended, () => this.#load(partitions));
    const cursors = stored.map(cursorFrom);
    const ranges = await this.#untilAnswered('broker', ended, () => admin.ranges(topic));
    const { offsets, rewound } = chooseStarts(cursors, ranges);
    if (rewound.length > 0) await this.#untilAnswered('database', ended, () => this.#rewind(rewound));
    const share = this.#openShare({ partitions, cursors }, offsets);
    this.#share = share;
    this.#mustLoad = false;
    this.#pausedUntilMs = 0;
    readiness.set('projecting', true);
    log.info({ projections: views.map(({ name }) => name), starts: Object.fromEntries(offsets) }, 'partitions_taken');
    return offsets;
  }

  #openShare(
    { partitions, cursors }: Pick<Share, 'partitions' | 'cursors'>,
    offsets: ReadonlyMap<number, number>,
  ): Share {
    const { bell, link, reader, views, metrics } = this.#options;
    const { queueRecordsMax, commitTimeoutMs, aheadRecordsMin } = this.#options;
    const inbox = new Inbox(offsets, { queueRecordsMax, onWaiting: () => bell.ring() });
    const batches = new BatchProjector({
      inbox,
      link,
      reader,
      views,
      cursors,
      commitTimeoutMs,
      aheadRecordsMin,
      onStopped: (standstill) => this.#onStopped({ cursors, inbox }, standstill),
      onCommitted: (batch) => {
        metrics.committed(batch);
        this.#onCommitted();
      },
    });
    return { partitions, cursors, inbox, batches };
  }

  /** The batch under way is awaited: the next owner then begins where it ends. */
  async #giveUp(): Promise<void> {
    const share = this.#share;
    if (share === null) return;
    this.#share = null;
    share.inbox.close();
    await share.batches.landed();
    this.#options.metrics.forget(share.cursors);
    for (const { projection, partition, stop } of share.cursors) {
      if (stop !== null) this.#options.readiness.set(`${projection}/${partition}`, true);
    }
  }

  /** Goes on from what the database says: it knows what became of a batch in doubt, and who else was here. */
  async #loadAgain(share: Share): Promise<void> {
    const { partitions, cursors, inbox, batches } = share;
    await batches.settle().catch(() => undefined); // its outcome is in what is loaded
    const stored = await this.#load(partitions);
    for (const cursor of cursors) {
      const position = stored.find(
        ({ projection, partition }) => projection === cursor.projection && partition === cursor.partition,
      );
      if (position === undefined) continue;
      cursor.held = position;
      cursor.ahead = position;
      if (position.version !== cursor.version) this.#goOnWith(share, { cursor, version: position.version });
    }
    this.#mustLoad = false;
    const going = cursors.filter(({ stop }) => stop === null);
    const isPast = going.some(({ partition, held }) => inbox.firstOffset(partition) > held.nextOffset);
    // A projection that was built for the first time has positions and no cursors yet.
    if (isPast || stored.length > cursors.length) this.#fetchAgain();
  }

  /** Other rows have taken the place of those that are read: what these could not take is no matter of theirs. */
  #goOnWith({ inbox }: Share, { cursor, version }: { readonly cursor: Cursor; readonly version: number }): void {
    const { metrics, readiness, log } = this.#options;
    const { projection, partition, stop } = cursor;
    log.info({ projection, partition, version, position: cursor.held }, 'projection_replaced');
    Object.assign(cursor, { version, stop: null, stops: 0, refused: null });
    if (stop === null) return;
    readiness.set(`${projection}/${partition}`, true);
    metrics.stopped(cursor, false);
    inbox.block(partition, false);
  }

  /** Looks at the positions again before the next batch: somebody may have replaced the rows. */
  lookAgain(): void {
    this.#mustLoad = true;
    this.#options.bell.ring();
  }

  async #load(partitions: readonly number[]): Promise<readonly StoredPosition[]> {
    const { link, views, readiness } = this.#options;
    const session = await link.open();
    const positions = await loadPositions(session, { projections: views.map(({ name }) => name), partitions });
    readiness.set('database', true);
    return positions;
  }

  async #rewind(moves: Parameters<typeof writeBatch>[1]['moves']): Promise<void> {
    const { link, commitTimeoutMs, log } = this.#options;
    log.warn({ partitions: moves.map(({ cursor }) => cursor.partition) }, 'topic_made_anew');
    const failure = await writeBatch(await link.open(), { moves, writes: [] }, { commitTimeoutMs });
    if (failure !== null) throw failure.error;
    for (const { cursor, to } of moves) {
      cursor.held = to;
      cursor.ahead = to;
    }
  }

  #fetchAgain(): void {
    // Not awaited: it ends in `assigned`, an errand of this very loop.
    void this.#subscription?.rejoin().catch((error: unknown) => this.#options.log.error({ error }, 'rejoin_failed'));
  }

  /** Asks until there is an answer, saying what is waited for. */
  async #untilAnswered<T>(part: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { readiness, log } = this.#options;
    return await untilAnswered(part, work, { readiness, log, signal, classes: EVERY_CLASS, policy: LATER });
  }

  /** Runs work between batches; its caller waits for it. */
  async #errand<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopping.signal.aborted)
      throw new RuntimeError('RT_ABORTED', { context: { stage: 'projector is stopping' } });
    return await new Promise<T>((resolve, reject) => {
      this.#errands.push(async () => {
        await work().then(resolve, reject);
      });
      this.#options.bell.ring();
    });
  }
}

function cursorFrom({ projection, version, partition, seq, nextOffset, timeline }: StoredPosition): Cursor {
  const held = { seq, nextOffset, timeline };
  return { projection, version, partition, held, ahead: held, stop: null, stops: 0, refused: null };
}

/** Time until the first of those that stand may be tried again; null while none may. */
function untilRetry(cursors: readonly Cursor[]): number | null {
  const retryAtMs = Math.min(...cursors.map(({ stop }) => stop?.retryAtMs ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(retryAtMs) ? Math.max(0, retryAtMs - performance.now()) : null;
}

/**
 * Whether a failure is about the events: what a fold throws, and values that the server does not
 * take. A statement that names what is not there, or may not be used, is a matter of migrations and
 * grants: that is waited for.
 */
function isRefusal(cause: Error): boolean {
  if (!(cause instanceof DatabaseError)) return !(cause instanceof AppError);
  return cause.retry === 'never' && !cause.code.startsWith('42');
}
