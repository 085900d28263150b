import { topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import { createLogger, type Logger, Scope } from '@tradestream/runtime';
import type { Base } from './base.ts';
import { checkCommandLog } from './command-log.ts';
import { Contradiction } from './contradiction.ts';
import { checkEventTopic } from './event-topic.ts';
import { checkConservation, checkNoNegative } from './funds.ts';
import { checkHistory, type History } from './history.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';
import { checkState } from './state.ts';
import { checkViews } from './views.ts';

/** What became of the checks. */
export type Verification = {
  readonly ok: boolean;
  readonly conservation: boolean;
  /** Names what does not agree, with ids. */
  readonly firstContradiction: string | null;
  /** The first of each part of the checks. */
  readonly contradictions: readonly string[];
  /** What was tolerated, and what could not be checked. */
  readonly notes: readonly string[];
  /** The snapshot that the fold began from: what is before it is checked by what is stored; null: the first event. */
  readonly base: { readonly snapshot: number; readonly batch: number } | null;
  readonly checked: { readonly records: number; readonly events: number; readonly published: number };
};

export type VerifyOptions = {
  readonly signal: AbortSignal;
  /** Before the names of the topics. */
  readonly topicPrefix?: string;
  readonly log?: Logger;
  readonly progress?: VerifyProgress;
  /** False: what the views show is not compared. */
  readonly views?: boolean;
  /** Begin at the newest stored snapshot although the events before it are there. */
  readonly fromSnapshot?: boolean;
};

/** Told how far each part is. */
export type VerifyProgress = {
  /** Told once, before the first part: events and records of all parts. */
  plan?(total: number): void;
  start(name: string, total: number): void;
  add(count: number): void;
  stop(): void;
};

/** Where the ledger and its log are. */
export type VerifyEndpoints = { readonly databaseUrl: string; readonly kafkaBrokers: string };

/**
 * Checks every invariant on one snapshot of the primary, and on the logs up to what that snapshot
 * knows, while traffic flows. Writes nothing. Holds what exists (balances, orders, candles, trade
 * ids) and reads the history in pages.
 * @throws {DatabaseError}, {MessagingError} when a part cannot be read: then nothing is said of the invariants
 */
export async function verifyInstallation(endpoints: VerifyEndpoints, options: VerifyOptions): Promise<Verification> {
  const {
    signal,
    progress,
    views = true,
    fromSnapshot = false,
    log = createLogger({ service: 'verify', level: 'error' }),
  } = options;
  const topics = topicsWithPrefix(options.topicPrefix ?? '');
  await using scope = new Scope();
  const kafka = scope.use(
    await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'tradestream-verify', log }),
  );
  const admin = scope.use(await kafka.openAdmin());
  const reader = scope.use(await kafka.openReader());
  const snapshot = await openSnapshot({
    databaseUrl: endpoints.databaseUrl,
    commandsTopic: topics.commands,
    views,
    fromSnapshot,
    signal,
  });
  scope.use(snapshot.session);

  const verdict = new Verdict(signal, progress);
  if (snapshot.positions === null)
    verdict.note(views ? 'there are no views in this database' : 'the views were not compared');
  const { base } = snapshot;
  if (base !== null) verdict.note(noteOf(base));
  const conservation = await verdict.part('funds', 0, async () => await checkConservation(snapshot));
  await verdict.part('amounts', 0, async () => await checkNoNegative(snapshot));
  let history: History | null = null;
  const sum = sumsOf(snapshot);
  progress?.plan?.(sum.events + sum.records + sum.published);
  await verdict.part('events', sum.events, async () => {
    history = await checkHistory(snapshot, verdict.add);
  });
  await checkFold(verdict, snapshot, history);
  const toLog = { snapshot, admin, reader, signal, onRecords: verdict.add, onNote: verdict.note };
  let records = 0;
  await verdict.part('commands', sum.records, async () => {
    records = await checkCommandLog({ ...toLog, topic: topics.commands });
  });
  let published = 0;
  await verdict.part('published', sum.published, async () => {
    published = await checkEventTopic({ ...toLog, topic: topics.events });
  });
  const began = base === null ? null : { snapshot: Number(base.id), batch: base.batch };
  return verdict.end({ conservation, base: began, checked: { records, events: sum.events, published } });
}

async function checkFold(verdict: Verdict, snapshot: Snapshot, history: History | null): Promise<void> {
  if (history === null) {
    verdict.note('state and views were not compared: the events that they follow from do not hold');
    return;
  }
  await verdict.part('state', 0, async () => await checkState(snapshot, history.market));
  await verdict.part('views', 0, async () => await checkViews(snapshot, history));
}

/** Gathers contradictions and notes; a part that contradicts does not keep the next from being looked at. */
class Verdict {
  readonly add: (count: number) => void;
  readonly #signal: AbortSignal;
  readonly #progress: VerifyProgress | undefined;
  readonly #contradictions: string[] = [];
  readonly #notes: string[] = [];

  constructor(signal: AbortSignal, progress: VerifyProgress | undefined) {
    this.#signal = signal;
    this.#progress = progress;
    this.add = (count) => {
      this.#signal.throwIfAborted();
      this.#progress?.add(count);
    };
  }

  readonly note = (note: string): void => {
    this.#notes.push(note);
  };

  /** Whether the part holds. `total` 0: it is short. */
  async part(name: string, total: number, check: () => Promise<unknown>): Promise<boolean> {
    this.#signal.throwIfAborted();
    if (total > 0) this.#progress?.start(`verify ${name}`, total);
    try {
      await check();
      return true;
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error;
      this.#contradictions.push(error.message);
      return false;
    } finally {
      if (total > 0) this.#progress?.stop();
    }
  }

  end(found: Pick<Verification, 'conservation' | 'base' | 'checked'>): Verification {
    const [first] = this.#contradictions;
    return {
      ok: first === undefined,
      conservation: found.conservation,
      firstContradiction: first ?? null,
      contradictions: this.#contradictions,
      notes: this.#notes,
      base: found.base,
      checked: found.checked,
    };
  }
}

function noteOf({ id, batch }: Base): string {
  return `the fold began at snapshot ${id} (batch ${batch}): decisions before it were not made again; rows from before it are held against the snapshot and each other`;
}

function sumsOf({ partitions, base }: Snapshot) {
  const sums = { records: 0, events: 0, published: 0 };
  for (const { partition, nextOffset, eventSeq, publishedSeq } of partitions.values()) {
    sums.records += nextOffset;
    sums.events += eventSeq - (base?.seqs.get(partition) ?? 0);
    sums.published += publishedSeq;
  }
  return sums;
}
