import type { LogRecord } from '@tradestream/messaging';
import type { Logger, Readiness } from '@tradestream/runtime';
import { type ApplyOptions, BatchApplier } from './apply/apply-batch.ts';
import { ColumnPool } from './apply/column-pool.ts';
import type { Batch, Workbench } from './apply/prepare-batch.ts';
import type { WorkerConfig } from './config.ts';
import { APPLICATION_NAME, type Connections } from './connections.ts';
import { Intake } from './intake/intake.ts';
import { QueueCap } from './intake/queue-cap.ts';
import type { SchemaBook } from './intake/schema-book.ts';
import { Ownership } from './ownership/ownership.ts';
import { Pauses } from './pauses.ts';
import { EventRelay } from './relay/publish-events.ts';
import { ParkedReleaser } from './release/release-parked.ts';
import { KeptReceipts } from './state/kept-receipts.ts';
import { WorkingState } from './state/working-state.ts';
import { Worker } from './worker.ts';
import type { WorkerMetrics } from './worker-metrics.ts';

/** In each of two generations: enough for a producer that sends again at once; the index knows them all. */
const RECEIPTS_KEPT = 20_000;

/** The relay publishes one batch while the next commits. */
const RECENT_BATCHES = 3;
/** Reached only where a partition stops publishing: one event of it keeps its batch. */
const RECENT_BYTES_MAX = 64 * 1024 * 1024;

/** What a worker is made of: its connections as ports, and what it tells the world. Nothing here is opened. */
export type WorkerParts = {
  readonly config: Pick<
    WorkerConfig,
    | 'TRADESTREAM_WORKER_CACHE_ENTRIES_MAX'
    | 'TRADESTREAM_WORKER_BATCH_COMMANDS_MAX'
    | 'TRADESTREAM_WORKER_RECORD_BYTES_MAX'
    | 'TRADESTREAM_WORKER_RELAY_EVENTS_MAX'
    | 'TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS'
    | 'TRADESTREAM_WORKER_QUEUE_RECORDS_MAX'
    | 'TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN'
    | 'TRADESTREAM_WORKER_RETRY_DEADLINE_MS'
    | 'TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS'
    | 'TRADESTREAM_WORKER_DRAIN_MS'
    | 'TRADESTREAM_WORKER_RELEASE_RECORDS_MAX'
    | 'TRADESTREAM_WORKER_KEY_WAITING_MAX'
  >;
  readonly connections: Pick<
    Connections,
    'owner' | 'topics' | 'link' | 'admin' | 'reader' | 'producer' | 'clusterId' | 'eventSchemaId'
  >;
  readonly schemas: SchemaBook;
  readonly log: Logger;
  readonly readiness: Readiness;
  readonly metrics: WorkerMetrics;
  /** Aborts when the worker is to stop. */
  readonly stopping: AbortSignal;
};

/** The parts that apply and those that publish, on one bench. Both have yet to be run. */
export function assembleWorker(parts: WorkerParts): {
  readonly bench: Workbench;
  readonly worker: Worker;
  readonly relay: EventRelay;
} {
  const bench = makeBench(parts);
  const relay = makeRelay(parts, bench);
  return { bench, relay, worker: makeWorker(parts, bench, relay) };
}

function makeBench({ config, connections, schemas }: WorkerParts): Workbench {
  const entriesMax = Math.max(
    config.TRADESTREAM_WORKER_CACHE_ENTRIES_MAX,
    // A batch touches up to four balances a command: none of them may be forgotten before its end.
    config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX * 8,
  );
  return {
    topic: connections.topics.commands,
    clusterId: connections.clusterId,
    recordBytesMax: config.TRADESTREAM_WORKER_RECORD_BYTES_MAX,
    positions: new Map(),
    state: new WorkingState({ entriesMax }),
    columns: new ColumnPool(),
    schemas,
    receipts: new KeptReceipts(RECEIPTS_KEPT),
    failing: new Map(),
    setAside: new Map(),
  };
}

function makeRelay({ config, connections, log, readiness, metrics }: WorkerParts, bench: Workbench): EventRelay {
  const { link, producer, topics } = connections;
  const eventsMax = config.TRADESTREAM_WORKER_RELAY_EVENTS_MAX;
  return new EventRelay({
    link,
    producer,
    positions: bench.positions,
    commandsTopic: topics.commands,
    eventsTopic: topics.events,
    deadLettersTopic: topics.deadLetters,
    eventsMax,
    recentBytesMax: RECENT_BYTES_MAX,
    recentEventsMax: RECENT_BATCHES * Math.max(eventsMax, config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX),
    log,
    readiness,
    metrics,
  });
}

function makeWorker(parts: WorkerParts, bench: Workbench, relay: EventRelay): Worker {
  const { config, connections, log, readiness, metrics, stopping: signal } = parts;
  const { link, admin, reader, owner, eventSchemaId } = connections;
  const batchCommandsMax = config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX;
  const commitTimeoutMs = config.TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS;
  const intake = new Intake({ queueRecordsMax: config.TRADESTREAM_WORKER_QUEUE_RECORDS_MAX });
  const cap = new QueueCap({ bench, intake, readiness, log, waitingMax: config.TRADESTREAM_WORKER_KEY_WAITING_MAX });
  const onCommitted: ApplyOptions['onCommitted'] = (batch, written, startedMs) => {
    noteCommitted(bench, batch);
    relay.committed(written);
    metrics.committed(batch.plan.counts, (performance.now() - startedMs) / 1_000);
    relay.notify(batch.plan.parked.length > 0);
  };
  const releaser = new ParkedReleaser({
    bench,
    link,
    eventSchemaId,
    commitTimeoutMs,
    recordsMax: config.TRADESTREAM_WORKER_RELEASE_RECORDS_MAX,
    cap,
    onCommitted,
  });
  const applier = new BatchApplier({
    bench,
    intake,
    link,
    cap,
    eventSchemaId,
    commitTimeoutMs,
    aheadCommandsMin: Math.min(config.TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN, batchCommandsMax),
    onCommitted,
  });
  const pauses = new Pauses({ readiness, retryDeadlineMs: config.TRADESTREAM_WORKER_RETRY_DEADLINE_MS, signal });
  const shared = { bench, intake, link, log, metrics, pauses, owner, batchCommandsMax, signal };
  const ownership = new Ownership({
    ...shared,
    cap,
    admin,
    reader,
    readiness,
    applicationName: APPLICATION_NAME,
    claimTimeoutMs: config.TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS,
    commitTimeoutMs,
    onOwned: () => relay.claimed(),
  });
  return new Worker({
    ...shared,
    applier,
    releaser,
    ownership,
    readiness,
    stopMs: config.TRADESTREAM_WORKER_DRAIN_MS / 4,
  });
}

/** What is durable now: the positions, and nothing of the batch is failing any more. */
function noteCommitted(bench: Workbench, batch: Batch): void {
  for (const move of batch.plan.moves) {
    const position = bench.positions.get(move.partition);
    if (position === undefined || position.epoch !== move.epoch) continue;
    position.committed = { offset: move.toOffset, seq: move.toSeq, hash: move.lastHash };
    position.markedSeq = Math.max(position.markedSeq, move.publishedSeq);
  }
  bench.columns.giveBack(batch.plan.memory);
  bench.schemas.stored(batch.plan.schemas);
  for (const { from, blocksKey } of batch.plan.parked) {
    if (blocksKey) noteQueued(bench, from.record);
    if (from.kind === 'command') bench.failing.delete(from.commandId);
    else bench.setAside.delete(`${from.record.partition}/${from.record.offset}`);
  }
}

/** One more record of its key is parked. */
function noteQueued({ positions }: Workbench, { partition, key }: LogRecord): void {
  const queued = positions.get(partition)?.queued;
  const text = key?.toString('utf8');
  if (queued !== undefined && text !== undefined) queued.set(text, (queued.get(text) ?? 0) + 1);
}
