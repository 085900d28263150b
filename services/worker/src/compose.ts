import { type Closeable, errorOf, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { BatchApplier } from './apply-batch.ts';
import { ColumnPool } from './column-pool.ts';
import type { WorkerConfig } from './config.ts';
import { APPLICATION_NAME, type Connections, closeSoon, openConnections } from './connections.ts';
import { GenerationMap } from './generation-map.ts';
import { Intake } from './intake.ts';
import { OffsetCourtesy } from './offset-courtesy.ts';
import { Ownership } from './ownership.ts';
import { Pauses } from './pauses.ts';
import type { Batch, Workbench } from './prepare-batch.ts';
import { EventRelay } from './publish-events.ts';
import { SchemaBook } from './schema-book.ts';
import { Worker } from './worker.ts';
import { WorkerMetrics } from './worker-metrics.ts';
import { WorkingState } from './working-state.ts';

/** In each of two generations: enough for a producer that sends again at once; the index knows them all. */
const RECEIPTS_KEPT = 20_000;
/** What was fetched lives until its last record is applied: small answers are let go of sooner. */
const FETCH_BYTES_MAX = 2 * 1024 * 1024;
const SAMPLE_MS = 1_000;
/** How often an idle worker asks whether it still owns what it waits for. */
const WATCH_MS = 2_000;

/** Opens a worker; waits for broker, registry and database for as long as it takes, saying for what. */
export async function composeWorker(config: WorkerConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness, fail } = context;
  const scope = new Scope();
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
  const connections = await openConnections(config, { scope, log, readiness, stopping });
  const bench = await makeBench(config, connections);
  const figures = new WorkerMetrics(metrics);
  const relay = makeRelay(config, { connections, bench, figures, context });
  const worker = makeWorker(config, { connections, bench, figures, context, relay, stopping });
  const applying = worker.run();
  const relaying = relay.run();
  for (const loop of [applying, relaying]) loop.catch((error: unknown) => fail(errorOf(error)));
  const subscription = await connections.kafka.subscribe(
    {
      group: `${config.TRADESTREAM_GROUP_PREFIX}transaction-worker`,
      topic: bench.topic,
      clientId: connections.owner,
      sessionTimeoutMs: config.TRADESTREAM_WORKER_SESSION_TIMEOUT_MS,
      fetchBytesMax: FETCH_BYTES_MAX,
    },
    worker,
  );
  worker.attach(subscription);
  subscription.ended.catch((error: unknown) => fail(errorOf(error)));
  readiness.set('applying', true);
  readiness.set('relay', true);
  const courtesy = new OffsetCourtesy({ subscription, positions: bench.positions, log });
  const sampling = setInterval(() => figures.sample(bench.positions), SAMPLE_MS);
  const watching = setInterval(() => worker.watch(), WATCH_MS);
  // Nothing new is taken up, the batch under way lands, the partitions are given back and the group
  // told; then the relay marks, and sessions and connections close.
  scope.defer('loops', async () => {
    clearInterval(watching);
    closing.abort(new Error('the worker is closed'));
    await applying.catch(() => undefined); // reported by `fail`
    clearInterval(sampling);
    await closeSoon(courtesy.close(), { log, part: 'offsets' });
    await subscription.close();
    relay.stop();
    await relaying.catch(() => undefined); // reported by `fail`
  });
  return scope;
}

async function makeBench(config: WorkerConfig, connections: Connections): Promise<Workbench> {
  const { topics, clusterId, link, waiting, commandSchemaId } = connections;
  const schemas = new SchemaBook(connections.schemas);
  // The registry may forget our own schema before its first use is in the ledger.
  await waiting('registry', () => schemas.learn(new Set([commandSchemaId]), link.loads()));
  const entriesMax = Math.max(
    config.TRADESTREAM_WORKER_CACHE_ENTRIES_MAX,
    // A batch touches up to four balances a command: none of them may be forgotten before its end.
    config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX * 8,
  );
  return {
    topic: topics.commands,
    clusterId,
    recordBytesMax: config.TRADESTREAM_WORKER_RECORD_BYTES_MAX,
    positions: new Map(),
    state: new WorkingState({ entriesMax }),
    columns: new ColumnPool(),
    schemas,
    receipts: new GenerationMap(RECEIPTS_KEPT),
    failing: new Map(),
    setAside: new Map(),
  };
}

type Parts = {
  readonly connections: Connections;
  readonly bench: Workbench;
  readonly figures: WorkerMetrics;
  readonly context: ServiceContext;
};

function makeRelay(config: WorkerConfig, { connections, bench, figures, context }: Parts): EventRelay {
  const { link, producer, topics } = connections;
  return new EventRelay({
    link,
    producer,
    positions: bench.positions,
    commandsTopic: topics.commands,
    eventsTopic: topics.events,
    deadLettersTopic: topics.deadLetters,
    eventsMax: config.TRADESTREAM_WORKER_RELAY_EVENTS_MAX,
    log: context.log,
    readiness: context.readiness,
    metrics: figures,
  });
}

function makeWorker(
  config: WorkerConfig,
  parts: Parts & { readonly relay: EventRelay; readonly stopping: AbortSignal },
): Worker {
  const { connections, bench, figures, context, relay, stopping: signal } = parts;
  const { link, admin, reader, owner, eventSchemaId } = connections;
  const { log, readiness } = context;
  const batchCommandsMax = config.TRADESTREAM_WORKER_BATCH_COMMANDS_MAX;
  const commitTimeoutMs = config.TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS;
  const intake = new Intake({ queueRecordsMax: config.TRADESTREAM_WORKER_QUEUE_RECORDS_MAX });
  const applier = new BatchApplier({
    bench,
    intake,
    link,
    eventSchemaId,
    commitTimeoutMs,
    aheadCommandsMin: Math.min(config.TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN, batchCommandsMax),
    onCommitted: (batch, written, startedMs) => {
      noteCommitted(bench, batch);
      relay.committed(written);
      figures.committed(batch.plan.counts, (performance.now() - startedMs) / 1_000);
      relay.notify(batch.plan.parked.length > 0);
    },
  });
  const pauses = new Pauses({ readiness, retryDeadlineMs: config.TRADESTREAM_WORKER_RETRY_DEADLINE_MS, signal });
  const shared = { bench, intake, link, log, metrics: figures, pauses, owner, batchCommandsMax, signal };
  const ownership = new Ownership({
    ...shared,
    admin,
    reader,
    readiness,
    applicationName: APPLICATION_NAME,
    claimTimeoutMs: config.TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS,
    commitTimeoutMs,
    onOwned: () => relay.claimed(),
  });
  return new Worker({ ...shared, applier, ownership, stopMs: config.TRADESTREAM_WORKER_DRAIN_MS / 4 });
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
  for (const { from } of batch.plan.parked) {
    if (from.kind === 'command') bench.failing.delete(from.commandId);
    else bench.setAside.delete(`${from.record.partition}/${from.record.offset}`);
  }
}
