import { DatabaseUsage } from '@tradestream/database';
import { type Closeable, errorOf, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { assembleWorker } from './assemble-worker.ts';
import type { WorkerConfig } from './config.ts';
import { type Connections, closeSoon, openConnections } from './connections.ts';
import { SchemaBook } from './intake/schema-book.ts';
import { OffsetCourtesy } from './ownership/offset-courtesy.ts';
import { WorkerMetrics } from './worker-metrics.ts';

/** What was fetched lives until its last record is applied: small answers are let go of sooner. */
const FETCH_BYTES_MAX = 1024 * 1024;
const SAMPLE_MS = 1_000;
/** How often an idle worker asks whether it still owns what it waits for. */
const WATCH_MS = 2_000;
/** How often intents are looked for: one look into an empty index. */
const INTENTS_MS = 500;

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
  const connections = await openConnections(config, {
    scope,
    usage: new DatabaseUsage(metrics),
    log,
    readiness,
    stopping,
  });
  const schemas = await learnOwnSchemas(connections);
  const figures = new WorkerMetrics(metrics);
  const parts = { config, connections, schemas, log, readiness, metrics: figures, stopping };
  const { bench, worker, relay } = assembleWorker(parts);
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
      fetchGatherMs: config.TRADESTREAM_WORKER_GATHER_MS,
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
  const looking = setInterval(() => void worker.lookForIntents(), INTENTS_MS);
  // Nothing new is taken up, the batch under way lands, the partitions are given back and the group
  // told; then the relay marks, and sessions and connections close.
  scope.defer('loops', async () => {
    clearInterval(watching);
    clearInterval(looking);
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

async function learnOwnSchemas({ schemas, link, waiting, ...ids }: Connections): Promise<SchemaBook> {
  const book = new SchemaBook(schemas);
  // The registry may forget our own schemas before their first use is in the ledger.
  await waiting('registry', async () => {
    if (link.loads().closed.aborted) await link.reopen(); // nobody else does before the first claim
    await book.learnOwn(ids, link.loads());
  });
  return book;
}
