import { DatabaseUsage } from '@tradestream/database';
import type { Subscription } from '@tradestream/messaging';
import { type Closeable, errorOf, type HttpServer, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { assembleProjector } from './assemble-projector.ts';
import { Bell } from './bell.ts';
import { databaseUrlOf, type ProjectorConfig } from './config.ts';
import { type Connections, openConnections } from './connections.ts';
import { PositionWatch } from './position-watch.ts';
import type { Projector } from './projector.ts';
import { ProjectorMetrics } from './projector-metrics.ts';
import { loadHorizon } from './rebuild/load-horizon.ts';
import { RequestDesk } from './rebuild/request-desk.ts';
import { openWorkSession } from './rebuild/work-session.ts';
import { ViewLink } from './view-link.ts';
import { VIEWS } from './views/all-views.ts';

const APPLICATION_NAME = 'tradestream-projector';
/** What was fetched lives until its last record is projected: small answers are let go of sooner. */
const FETCH_BYTES_MAX = 1024 * 1024;

/** Opens a projector; waits for broker, registry and database for as long as it takes, saying for what. */
export async function composeProjector(config: ProjectorConfig, context: ServiceContext): Promise<Closeable> {
  const { log, readiness, fail } = context;
  const scope = new Scope();
  const url = databaseUrlOf(config);
  for (const part of ['database', 'broker', 'registry', 'projecting']) readiness.set(part, false, 'starting');
  const http = scope.use(openServer(config, context));
  log.info({ url: await http.listen() }, 'http_listening');
  // The ledger may be in another database than the views.
  const urls = { views: url, ledger: config.TRADESTREAM_PROJECTOR_LEDGER_DATABASE_URL || url };
  const openLedger = async () => await openWorkSession(urls.ledger, context.stopping);
  const connections = await openConnections(config, { scope, context, openLedger });
  const { admin, topics, reader } = connections;
  const metrics = new ProjectorMetrics(context.metrics);
  const views = VIEWS.filter(({ name }) => config.TRADESTREAM_PROJECTOR_PROJECTIONS.includes(name));
  const bell = new Bell();
  const stopped = new AbortController();
  const link = scope.use(openLink(url, context, { bell, signal: stopped.signal }));
  const projector = assembleProjector({ config, connections, link, views, bell, metrics, readiness, log });
  const projecting = projector.run();
  projecting.catch((error: unknown) => fail(errorOf(error)));
  const subscription = await subscribe(config, connections, projector);
  subscription.ended.catch((error: unknown) => fail(errorOf(error)));
  const cursors = () => projector.cursors;
  const watch = new PositionWatch({ subscription, admin, topic: topics.events, cursors, metrics, log });
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
      openSession: async (to, signal) => await openWorkSession(urls[to], signal),
      horizon: async (ledger) => await loadHorizon({ admin, ledger, topics }),
      onReplaced: () => projector.lookAgain(),
      metrics,
      log,
    }),
  );
  return scope;
}

function openServer(config: ProjectorConfig, { log, metrics, readiness }: ServiceContext): HttpServer {
  return openHttp({
    host: config.TRADESTREAM_PROJECTOR_HTTP_HOST,
    port: config.TRADESTREAM_PROJECTOR_HTTP_PORT,
    log,
    metrics,
    readiness,
    bodyBytesMax: 1_024,
    token: config.TRADESTREAM_PROJECTOR_HTTP_TOKEN,
  });
}

function openLink(
  url: string,
  { metrics, fail }: ServiceContext,
  { bell, signal }: { readonly bell: Bell; readonly signal: AbortSignal },
): ViewLink {
  return new ViewLink({
    openSession: new DatabaseUsage(metrics).openSession,
    url,
    applicationName: APPLICATION_NAME,
    signal,
    onRefused: fail,
    onLost: () => bell.ring(),
  });
}

/** Joins the group of this projector's name; its partitions begin to flow. */
async function subscribe(
  config: ProjectorConfig,
  { kafka, topics, clientId, waiting }: Connections,
  projector: Projector,
): Promise<Subscription> {
  const wanted = {
    group: `${config.TRADESTREAM_GROUP_PREFIX}projector-${config.TRADESTREAM_PROJECTOR_NAME}`,
    topic: topics.events,
    clientId,
    sessionTimeoutMs: config.TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS,
    fetchBytesMax: FETCH_BYTES_MAX,
    fetchGatherMs: config.TRADESTREAM_PROJECTOR_GATHER_MS,
  };
  const subscription = await waiting('broker', () => kafka.subscribe(wanted, projector));
  projector.attach(subscription);
  return subscription;
}
