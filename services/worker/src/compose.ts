import { randomUUID } from 'node:crypto';
import { openSchemas, topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import {
  type Closeable,
  errorOf,
  openHttp,
  RuntimeError,
  retry,
  Scope,
  type ServiceContext,
  waitFor,
} from '@tradestream/runtime';
import { BatchApplier } from './apply-batch.ts';
import type { WorkerConfig } from './config.ts';
import { GenerationMap } from './generation-map.ts';
import { Intake } from './intake.ts';
import { LedgerLink } from './ledger-link.ts';
import { OffsetCourtesy } from './offset-courtesy.ts';
import { Ownership } from './ownership.ts';
import { Pauses } from './pauses.ts';
import type { Positions } from './position.ts';
import type { Batch, Workbench } from './prepare-batch.ts';
import { EventRelay } from './publish-events.ts';
import { SchemaBook } from './schema-book.ts';
import { Worker } from './worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';
import { WorkingState } from './working-state.ts';

/** How the session of every worker is named on the server: a claim ends only sessions of this name. */
const APPLICATION_NAME = 'tradestream-worker';
const RECEIPTS_KEPT = 50_000;
const SAMPLE_MS = 1_000;
const REGISTRY_TIMEOUT_MS = 5_000;
/** Longest wait for a part that closes without anything of worth under way. */
const CLOSE_MS = 1_500;

/** Opens a worker; waits for broker, registry and database for as long as it takes, saying for what. */
export async function composeWorker(config: WorkerConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness, fail } = context;
  const scope = new Scope();
  const url = databaseUrl(config);
  for (const part of ['database', 'broker', 'registry', 'applying', 'relay']) readiness.set(part, false, 'starting');
  const http = scope.use(
    openHttp({
      host: config.TRADESTREAM_WORKER_HTTP_HOST,
      port: config.TRADESTREAM_WORKER_HTTP_PORT,
      log,
      metrics,
      readiness,
      bodyBytesMax: 1_024,
      token: config.TRADESTREAM_WORKER_HTTP_TOKEN,
    }),
  );
  log.info({ url: await http.listen() }, 'http_listening');
  const closing = new AbortController();
  const stopping = AbortSignal.any([context.stopping, closing.signal]);
  const waiting = <T>(part: string, work: () => Promise<T>) =>
    retry(work, {
      classes: ['now', 'later', 'settle'],
      policy: { initialMs: 200, maxMs: 2_000 },
      signal: stopping,
      onRetry: (error) => {
        readiness.set(part, false, error.message);
        log.warn({ error, part }, 'waiting_for_dependency');
      },
    });
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const link = scope.use(new LedgerLink({ url, applicationName: APPLICATION_NAME, readiness, log, signal: stopping }));
  const owner = `worker-${process.pid}-${randomUUID()}`;
  const kafka = await openKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: owner,
    log,
    onReachable: (part, reachable, detail) => readiness.set(`broker: ${part.split(' ')[0]}`, reachable, detail),
  });
  // Whatever it still waits for from a broker that is away is worth nothing by then.
  scope.defer('kafka', () => within(CLOSE_MS, kafka.close(), { log, part: 'kafka' }));
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const { commandSchemaId, eventSchemaId } = await waiting('registry', () => schemas.register());
  readiness.set('registry', true);
  const admin = await kafka.openAdmin();
  const reader = await kafka.openReader();
  const producer = await kafka.openProducer({ clientId: `${owner}-relay` });
  const clusterId = await waiting('broker', () => admin.clusterId());
  readiness.set('broker', true);
  await link.reopen();

  const positions: Positions = new Map();
  const batchCommandsMax = config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX;
  const bench: Workbench = {
    topic: topics.commands,
    clusterId,
    recordBytesMax: config.TRADESTREAM_WORKER_RECORD_BYTES_MAX,
    positions,
    // A batch touches up to four balances a command: none of them may be forgotten before its end.
    state: new WorkingState({
      entriesMax: Math.max(config.TRADESTREAM_WORKER_CACHE_ENTRIES_MAX, batchCommandsMax * 8),
    }),
    schemas: new SchemaBook(schemas),
    receipts: new GenerationMap(RECEIPTS_KEPT),
    failing: new Map(),
    setAside: new Map(),
  };
  // The registry may forget it before its first use is in the ledger.
  await waiting('registry', () => bench.schemas.learn(new Set([commandSchemaId]), link.loads()));
  const intake = new Intake({ queueRecordsMax: config.TRADESTREAM_WORKER_QUEUE_RECORDS_MAX });
  const figures = new WorkerMetrics(metrics);
  const relay = new EventRelay({
    link,
    producer,
    positions,
    commandsTopic: topics.commands,
    eventsTopic: topics.events,
    deadLettersTopic: topics.deadLetters,
    eventsMax: config.TRADESTREAM_WORKER_RELAY_EVENTS_MAX,
    log,
    readiness,
    metrics: figures,
  });
  const commitTimeoutMs = config.TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS;
  const applier = new BatchApplier({
    bench,
    intake,
    link,
    eventSchemaId,
    commitTimeoutMs,
    aheadCommandsMin: Math.min(config.TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN, batchCommandsMax),
    onCommitted: (batch, startedMs) => {
      noteCommitted(bench, batch);
      figures.committed(batch.plan.decided, (performance.now() - startedMs) / 1_000);
      relay.notify(batch.plan.decided.parked.length > 0);
    },
  });
  const pauses = new Pauses({
    readiness,
    retryDeadlineMs: config.TRADESTREAM_WORKER_RETRY_DEADLINE_MS,
    signal: stopping,
  });
  const ownership = new Ownership({
    bench,
    intake,
    link,
    admin,
    reader,
    log,
    readiness,
    metrics: figures,
    pauses,
    owner,
    applicationName: APPLICATION_NAME,
    claimTimeoutMs: config.TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS,
    commitTimeoutMs,
    batchCommandsMax,
    signal: stopping,
    onOwned: () => relay.notify(true),
  });
  const worker = new Worker({
    bench,
    intake,
    link,
    applier,
    ownership,
    pauses,
    log,
    metrics: figures,
    owner,
    batchCommandsMax,
    stopMs: config.TRADESTREAM_WORKER_DRAIN_MS / 4,
    signal: stopping,
  });
  const applying = worker.run();
  const relaying = relay.run();
  for (const loop of [applying, relaying]) loop.catch((error: unknown) => fail(errorOf(error)));
  const subscription = await waiting('broker', () =>
    kafka.subscribe(
      {
        group: `${config.TRADESTREAM_GROUP_PREFIX}transaction-worker`,
        topic: topics.commands,
        clientId: owner,
        sessionTimeoutMs: config.TRADESTREAM_WORKER_SESSION_TIMEOUT_MS,
      },
      worker,
    ),
  );
  worker.attach(subscription);
  subscription.ended.catch((error: unknown) => fail(errorOf(error)));
  readiness.set('applying', true);
  readiness.set('relay', true);
  const courtesy = new OffsetCourtesy({ subscription, positions, log });
  const sampling = setInterval(() => figures.sample(positions), SAMPLE_MS);
  // Nothing new is taken up, the batch under way lands, the partitions are given back and the group
  // told; then the relay marks, and sessions and connections close.
  scope.defer('loops', async () => {
    closing.abort(new Error('the worker is closed'));
    await applying.catch(() => undefined); // reported by `fail`
    clearInterval(sampling);
    await within(CLOSE_MS, courtesy.close(), { log, part: 'offsets' });
    await subscription.close();
    relay.stop();
    await relaying.catch(() => undefined); // reported by `fail`
  });
  return scope;
}

/** Waits for a part to close, but not long: nothing that matters hangs on it. */
async function within(
  timeoutMs: number,
  closed: Promise<void>,
  what: { readonly log: ServiceContext['log']; readonly part: string },
): Promise<void> {
  try {
    await waitFor(closed, { timeoutMs, stage: `closing ${what.part}` });
  } catch (error) {
    what.log.warn({ error: errorOf(error), part: what.part }, 'close_cut_short');
  }
}

/** What is durable now: the positions, and nothing of the batch is failing any more. */
function noteCommitted(bench: Workbench, batch: Batch): void {
  for (const move of batch.plan.moves) {
    const position = bench.positions.get(move.partition);
    if (position === undefined || position.epoch !== move.epoch) continue;
    position.committed = { offset: move.toOffset, seq: move.toSeq, hash: move.lastHash };
    position.markedSeq = Math.max(position.markedSeq, move.publishedSeq);
  }
  bench.schemas.stored(batch.plan.schemas);
  for (const { from } of batch.plan.decided.parked) {
    if (from.kind === 'command') bench.failing.delete(from.commandId);
    else bench.setAside.delete(`${from.record.partition}/${from.record.offset}`);
  }
}

function databaseUrl(config: WorkerConfig): string {
  const url = config.TRADESTREAM_WORKER_DATABASE_URL || config.DATABASE_URL;
  if (url === '')
    throw new RuntimeError('RT_CONFIG_INVALID', { detail: 'set DATABASE_URL or TRADESTREAM_WORKER_DATABASE_URL' });
  return url;
}
