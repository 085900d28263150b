import { type LagAnswer, topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import { type Closeable, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { type MonitorConfig, nodesOf } from './config.ts';
import { healthOf } from './health.ts';
import { authorizeBy, requireRoles } from './http/access.ts';
import { addReadRoutes } from './http/routes.ts';
import { LagBook } from './lag/lag-book.ts';
import type { TrackedOffsets } from './lag/lag-sample.ts';
import { LogSampler } from './lag/sample-log.ts';
import { samplePositions } from './lag/sample-positions.ts';
import { ReplicationBook } from './replication/replication-book.ts';
import { sampleNode } from './replication/sample-node.ts';
import { NodeLink } from './sources/node-link.ts';
import { Sampler } from './sources/sampler.ts';

const CLIENT_ID = 'tradestream-monitor';
const BODY_BYTES_MAX = 256 * 1024;

/** Opens the monitor: it listens at once, and readiness says which source has not answered yet. */
export async function composeMonitor(config: MonitorConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness } = context;
  const scope = new Scope();
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const intervalMs = config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS;
  const timeoutMs = config.TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS;
  const nodes = nodesOf(config);
  for (const part of ['broker', 'database']) readiness.set(part, false, 'not asked yet');

  const links = new Map(
    nodes.map(({ name, url }) => [name, scope.use(new NodeLink({ name, url, timeoutMs }))] as const),
  );
  const replication = new ReplicationBook({
    names: nodes.map(({ name }) => name),
    lagSecondsMax: config.TRADESTREAM_MONITOR_REPLICA_LAG_SECONDS_MAX,
  });
  for (const [name, link] of links) {
    scope.use(
      new Sampler({
        name: `node ${name}`,
        intervalMs,
        sample: () => sampleNode(link),
        onReading: (reading) => replication.take(name, reading),
        onFailure: (error) => {
          replication.fail(name, error.message);
          log.debug({ error, node: name }, 'node_not_read');
        },
      }),
    );
  }

  let positions: readonly TrackedOffsets[] = [];
  const primaryLink = () => links.get(replication.primaryName ?? 'primary') ?? null;
  scope.use(
    new Sampler({
      name: 'positions',
      intervalMs,
      sample: async () => {
        const link = primaryLink();
        return link === null ? [] : await samplePositions(link, topics);
      },
      onReading: ({ value }) => {
        positions = value;
        readiness.set('database', true);
      },
      onFailure: (error) => {
        readiness.set('database', false, error.message);
        log.debug({ error }, 'positions_not_read');
      },
    }),
  );

  const kafka = scope.use(await openKafka({ brokers: config.KAFKA_BROKERS, clientId: CLIENT_ID, log }));
  const logSampler = new LogSampler(await kafka.openAdmin(), await kafka.openReader());
  const lagBook = new LagBook({
    windowSamples: config.TRADESTREAM_MONITOR_WINDOW_SAMPLES,
    retentionMs: (topic) => logSampler.retentionMs(topic),
  });
  let lag: LagAnswer | null = null;
  scope.use(
    new Sampler({
      name: 'log',
      intervalMs,
      sample: (signal) => logSampler.sample(positions, signal),
      onReading: (reading) => {
        lag = lagBook.take(reading);
        readiness.set('broker', true);
      },
      onFailure: (error) => {
        readiness.set('broker', false, error.message);
        log.debug({ error }, 'log_not_read');
      },
    }),
  );

  const host = config.TRADESTREAM_MONITOR_HTTP_HOST;
  const http = scope.use(
    openHttp({
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
    }),
  );
  requireRoles(http.app);
  addReadRoutes(http.app, {
    lag: () => lag,
    replication: () => replication.answer(Date.now()),
    health: () => healthOf(lag, replication.answer(Date.now()), readiness.snapshot().parts),
  });
  log.info({ url: await http.listen() }, 'http_listening');
  return scope;
}
