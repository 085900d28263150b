import { randomUUID } from 'node:crypto';
import { openSchemas, topicsWithPrefix } from '@tradestream/contracts';
import { DatabaseUsage } from '@tradestream/database';
import { openKafka } from '@tradestream/messaging';
import { type Closeable, errorOf, openHttp, retry, Scope, type ServiceContext } from '@tradestream/runtime';
import { Bell } from './bell.ts';
import { databaseUrlOf, type ProjectorConfig } from './config.ts';
import { Deference } from './deference.ts';
import { EventReader } from './event-reader.ts';
import { PositionWatch } from './position-watch.ts';
import { Projector } from './projector.ts';
import { ProjectorMetrics } from './projector-metrics.ts';
import { loadHorizon } from './rebuild/load-horizon.ts';
import { RequestDesk } from './rebuild/request-desk.ts';
import { openWorkSession } from './rebuild/work-session.ts';
import { ViewLink } from './view-link.ts';
import { VIEWS } from './views/all-views.ts';

const APPLICATION_NAME = 'tradestream-projector';
const REGISTRY_TIMEOUT_MS = 5_000;
/** What was fetched lives until its last record is projected: small answers are let go of sooner. */
const FETCH_BYTES_MAX = 1024 * 1024;

/** Opens a projector; waits for broker, registry and database for as long as it takes, saying for what. */
export async function composeProjector(config: ProjectorConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness, stopping, fail } = context;
  const scope = new Scope();
  const url = databaseUrlOf(config);
  for (const part of ['database', 'broker', 'registry', 'projecting']) readiness.set(part, false, 'starting');
  const http = scope.use(
    openHttp({
      host: config.TRADESTREAM_PROJECTOR_HTTP_HOST,
      port: config.TRADESTREAM_PROJECTOR_HTTP_PORT,
      log,
      metrics,
      readiness,
      bodyBytesMax: 1_024,
      token: config.TRADESTREAM_PROJECTOR_HTTP_TOKEN,
    }),
  );
  log.info({ url: await http.listen() }, 'http_listening');
  const waiting = async <T>(part: string, work: () => Promise<T>) => {
    const answer = await retry(work, {
      classes: ['now', 'later', 'settle'],
      policy: { initialMs: 200, maxMs: 2_000 },
      signal: stopping,
      onRetry: (error) => {
        readiness.set(part, false, error.message);
        log.warn({ error, part }, 'waiting_for_dependency');
      },
    });
    readiness.set(part, true);
    return answer;
  };
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const clientId = `projector-${process.pid}-${randomUUID()}`;
  const kafka = scope.use(
    await openKafka({
      brokers: config.KAFKA_BROKERS,
      clientId,
      log,
      onReachable: (part, isReachable, detail) => readiness.set(`broker: ${part.split(' ')[0]}`, isReachable, detail),
    }),
  );
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const reader = new EventReader(schemas);
  await waiting('registry', async () => await reader.learn((await schemas.register()).eventSchemaId));
  const admin = scope.use(await waiting('broker', () => kafka.openAdmin()));
  await waiting('broker', () => admin.clusterId());

  const stopped = new AbortController();
  const bell = new Bell();
  const link = scope.use(
    new ViewLink({
      openSession: new DatabaseUsage(metrics).openSession,
      url,
      applicationName: APPLICATION_NAME,
      signal: stopped.signal,
      onRefused: fail,
      onLost: () => bell.ring(),
    }),
  );
  const figures = new ProjectorMetrics(metrics);
  const views = VIEWS.filter(({ name }) => config.TRADESTREAM_PROJECTOR_PROJECTIONS.includes(name));
  const projector = new Projector({
    link,
    reader,
    admin,
    topic: topics.events,
    views,
    batchRecordsMax: config.TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX,
    aheadRecordsMin: config.TRADESTREAM_PROJECTOR_AHEAD_RECORDS_MIN,
    queueRecordsMax: config.TRADESTREAM_PROJECTOR_QUEUE_RECORDS_MAX,
    commitTimeoutMs: config.TRADESTREAM_PROJECTOR_COMMIT_TIMEOUT_MS,
    bell,
    deference: new Deference({
      admin,
      commandsTopic: topics.commands,
      workerGroup: `${config.TRADESTREAM_GROUP_PREFIX}transaction-worker`,
      factor: config.TRADESTREAM_PROJECTOR_DEFERENCE_FACTOR,
      log,
    }),
    metrics: figures,
    readiness,
    log,
  });
  const projecting = projector.run();
  projecting.catch((error: unknown) => fail(errorOf(error)));
  const subscription = await waiting('broker', () =>
    kafka.subscribe(
      {
        group: `${config.TRADESTREAM_GROUP_PREFIX}projector-${config.TRADESTREAM_PROJECTOR_NAME}`,
        topic: topics.events,
        clientId,
        sessionTimeoutMs: config.TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS,
        fetchBytesMax: FETCH_BYTES_MAX,
      },
      projector,
    ),
  );
  projector.attach(subscription);
  subscription.ended.catch((error: unknown) => fail(errorOf(error)));
  const watch = new PositionWatch({
    subscription,
    admin,
    topic: topics.events,
    cursors: () => projector.cursors,
    metrics: figures,
    log,
  });
  // Released in reverse: intake stops, the batch under way lands, the connection closes.
  scope.defer('projecting', async () => {
    projector.stop();
    await projecting.catch(() => undefined); // reported by `fail`
    stopped.abort(new Error('the projector is closed'));
  });
  scope.defer('intake', async () => {
    await watch.close();
    await subscription.close();
  });
  scope.use(
    new RequestDesk({
      views,
      reader,
      openSession: async (to, signal) => {
        const ledgerUrl = config.TRADESTREAM_PROJECTOR_LEDGER_DATABASE_URL;
        return await openWorkSession(to === 'ledger' && ledgerUrl !== '' ? ledgerUrl : url, signal);
      },
      horizon: async (ledger) => await loadHorizon({ admin, ledger, topics }),
      onReplaced: () => projector.lookAgain(),
      metrics: figures,
      log,
    }),
  );
  return scope;
}
