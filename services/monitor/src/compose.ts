import { openSchemas } from '@tradestream/contracts';
import { DatabaseUsage } from '@tradestream/database';
import { type MessageLog, openKafka } from '@tradestream/messaging';
import { type Closeable, type HttpServer, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { AlertBook } from './alerts/alert-book.ts';
import { AlertStore } from './alerts/alert-store.ts';
import { RULES } from './alerts/rules.ts';
import { Canary } from './canary/canary.ts';
import { type MonitorConfig, nodesOf } from './config.ts';
import { openReceivers } from './delivery/open-receivers.ts';
import { FigureGauges } from './figures/figure-gauges.ts';
import { History } from './history/history.ts';
import { authorizeBy } from './http/access.ts';
import { addRoutes } from './http/add-routes.ts';
import { openOperations } from './open-operations.ts';
import { BrokerPulse } from './sources/broker-pulse.ts';
import { NodeLinks } from './sources/node-links.ts';
import { EventStream } from './stream/event-stream.ts';
import { openSamplers } from './watch/open-samplers.ts';
import { judgedEveryMs, Ticker } from './watch/ticker.ts';
import { Watch } from './watch/watch.ts';

const CLIENT_ID = 'tradestream-monitor';
const BODY_BYTES_MAX = 64 * 1024;
const PULSE_TIMEOUTS = 2;

/** Opens the monitor: it listens at once, and readiness says which source has not answered yet. */
export async function composeMonitor(config: MonitorConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness } = context;
  const scope = new Scope();
  const timeoutMs = config.TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS;
  const intervalMs = config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS;
  const nodes = nodesOf(config);
  const watch = new Watch(config, nodes, readiness);
  const links = scope.use(new NodeLinks(nodes, { timeoutMs, openSession: new DatabaseUsage(metrics).openSession }));
  const writer = () => links.writer(watch.replication.primaryName ?? 'primary');
  const kafka = scope.use(
    await openKafka({
      brokers: config.KAFKA_BROKERS,
      clientId: CLIENT_ID,
      log,
      // A broker that is silent is to be known as such within a reading, not after the patience of a client that works.
      adminTimeoutMs: timeoutMs,
      requestTimeoutMs: timeoutMs,
      connectTimeoutMs: Math.min(timeoutMs, 3_000),
    }),
  );
  // What is asked whether it lives has twice the time: a broker on a busy machine is late, and not down.
  const pulseKafka = scope.use(
    await openKafka({
      brokers: config.KAFKA_BROKERS,
      clientId: `${CLIENT_ID}-pulse`,
      log,
      adminTimeoutMs: PULSE_TIMEOUTS * timeoutMs,
      requestTimeoutMs: timeoutMs,
      connectTimeoutMs: Math.min(timeoutMs, 3_000),
    }),
  );
  const pulseAdmin = await pulseKafka.openAdmin();
  const pulse = new BrokerPulse({ ask: async () => await pulseAdmin.clusterId(), addresses: config.KAFKA_BROKERS });
  const [admin, reader] = [await kafka.openAdmin(), await kafka.openReader()];
  const history = scope.use(
    new History({ link: writer, retentionDays: config.TRADESTREAM_MONITOR_RETENTION_DAYS, log }),
  );
  const store = new AlertStore(writer, log);
  const receivers = openReceivers(config, {
    log,
    onDelivered: (receiver, alerts) => alertBook.delivered(receiver, alerts),
  });
  for (const receiver of receivers.all) scope.use(receiver);
  const alertBook = new AlertBook({
    rules: RULES,
    store,
    receivers: receivers.all,
    log,
    stepMsMax: 2 * judgedEveryMs(intervalMs),
  });
  if (config.TRADESTREAM_MONITOR_CANARY) await openCanary({ config, kafka, links, watch, scope, context });
  const stream = new EventStream(intervalMs);
  const gauges = new FigureGauges(metrics);
  scope.use(openSamplers({ config, watch, links, admin, reader, pulse, log }));
  scope.use(new Ticker({ watch, gauges, history, alerts: alertBook, store, receivers, stream, intervalMs, log }));
  const operations = await openOperations({ config, links, watch, admin, scope, context });
  const http = scope.use(openServer(config, context));
  scope.use(stream);
  addRoutes(http.app, {
    watch,
    alerts: alertBook,
    history,
    stream,
    store,
    ...operations,
    topics: watch.topics,
    primary: () => links.watcher(watch.replication.primaryName ?? 'primary'),
    replica: () => links.watcher(watch.replication.healthyReplicaName ?? ''),
  });
  log.info({ url: await http.listen() }, 'http_listening');
  return scope;
}

function openServer(config: MonitorConfig, { log, metrics, readiness }: ServiceContext): HttpServer {
  const host = config.TRADESTREAM_MONITOR_HTTP_HOST;
  return openHttp({
    host,
    port: config.TRADESTREAM_MONITOR_HTTP_PORT,
    log,
    metrics,
    readiness,
    bodyBytesMax: BODY_BYTES_MAX,
    authorize: authorizeBy({
      host,
      tokens: {
        reader: config.TRADESTREAM_MONITOR_READER_TOKEN,
        operator: config.TRADESTREAM_MONITOR_OPERATOR_TOKEN,
        admin: config.TRADESTREAM_MONITOR_ADMIN_TOKEN,
      },
    }),
  });
}

async function openCanary(parts: {
  readonly config: MonitorConfig;
  readonly kafka: MessageLog;
  readonly links: NodeLinks;
  readonly watch: Watch;
  readonly scope: Scope;
  readonly context: ServiceContext;
}): Promise<void> {
  const { config, kafka, links, watch, scope, context } = parts;
  const timeoutMs = config.TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS;
  const { topics } = watch;
  const canary = scope.use(
    new Canary({
      intervalMs: config.TRADESTREAM_MONITOR_CANARY_INTERVAL_MS,
      timeoutMs: config.TRADESTREAM_MONITOR_CANARY_TIMEOUT_MS,
      topics,
      schemas: await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log: context.log, timeoutMs, topics }),
      producer: await kafka.openProducer({ clientId: `${CLIENT_ID}-canary` }),
      primary: () => links.watcher(watch.replication.primaryName ?? 'primary'),
      replica: () => links.watcher(watch.replication.healthyReplicaName ?? ''),
      log: context.log,
    }),
  );
  watch.canary = () => canary.answer;
}
