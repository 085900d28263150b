import type { LogAdmin, LogReader } from '@tradestream/messaging';
import { findBlockedRemoval } from '@tradestream/recovery';
import { type Closeable, errorOf, type Logger, Scope, waitFor } from '@tradestream/runtime';
import type { MonitorConfig } from '../config.ts';
import { MonitorError } from '../errors.ts';
import { LagBook } from '../lag/lag-book.ts';
import { LogSampler } from '../lag/sample-log.ts';
import { samplePositions } from '../lag/sample-positions.ts';
import { samplePipeline } from '../pipeline/sample-pipeline.ts';
import { DAY_MS } from '../recovery/recovery-kinds.ts';
import { sampleNode } from '../replication/sample-node.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { BrokerPulse } from '../sources/broker-pulse.ts';
import type { NodeLinks } from '../sources/node-links.ts';
import { probeRedis, probeRegistry } from '../sources/probes.ts';
import { Sampler } from '../sources/sampler.ts';
import { scrape } from '../sources/scrape.ts';
import { ServiceTargets } from '../sources/service-targets.ts';
import { StallWatch } from '../sources/stall-watch.ts';
import type { Watch } from './watch.ts';

export type SamplersOptions = {
  readonly config: MonitorConfig;
  readonly watch: Watch;
  readonly links: NodeLinks;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly pulse: BrokerPulse;
  readonly log: Logger;
};

type Opening = SamplersOptions & { readonly stall: StallWatch };

/** Services, registry and Redis are asked less often than log and database: it is dearer for both sides. */
const OUTER_INTERVAL_MS_MIN = 2_500;
/** What stands against removing events is of hours. */
const RETENTION_INTERVAL_MS = 60_000;

/** Starts to ask every source; each at its own pace. */
export function openSamplers(options: SamplersOptions): Closeable {
  const scope = new Scope();
  const stall = scope.use(new StallWatch());
  for (const open of [openNodes, openDatabase, openBroker, openRetention, openLog, openOuter])
    open({ ...options, stall }, scope);
  return scope;
}

function openNodes({ config, watch, links, log, stall }: Opening, scope: Scope): void {
  for (const link of links.all) {
    scope.use(
      new Sampler({
        name: `node ${link.name}`,
        intervalMs: config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS,
        stall,
        sample: async () => {
          const startedMs = performance.now();
          const sample = await sampleNode(link);
          const seconds = (performance.now() - startedMs) / 1_000;
          if (!stall.hasStalledSince(startedMs)) watch.querySeconds.set(link.name, seconds);
          return sample;
        },
        onReading: (reading) => watch.replication.take(link.name, reading),
        onFailure: (error) => {
          watch.querySeconds.delete(link.name);
          watch.replication.fail(link.name, error.message);
          log.debug({ error, node: link.name }, 'node_not_read');
        },
      }),
    );
  }
}

function openDatabase({ config, watch, links, log, stall }: Opening, scope: Scope): void {
  scope.use(
    new Sampler({
      name: 'database',
      intervalMs: config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS,
      stall,
      sample: async () => {
        const link = links.watcher(watch.replication.primaryName ?? 'primary');
        if (link === null) return null;
        return await samplePipeline(link, watch.topics.commands);
      },
      onReading: ({ value, atMs }) => {
        if (value === null) return;
        watch.pipelineBook.take({ value, atMs });
        watch.source('database');
      },
      onFailure: (error) => {
        watch.source('database', error.message);
        log.debug({ error }, 'database_not_read');
      },
    }),
  );
}

function openBroker({ config, watch, pulse, log, stall }: Opening, scope: Scope): void {
  scope.use(
    new Sampler({
      name: 'broker',
      intervalMs: config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS,
      stall,
      // Its request is given more time than others are.
      doubtsMax: 1,
      sample: async () => await pulse.feel(),
      onReading: ({ value }) => watch.source('broker', value.detail),
      onFailure: (error) => {
        watch.source('broker', error.message);
        log.debug({ error }, 'broker_not_asked');
      },
    }),
  );
}

function openRetention({ config, watch, links, log, stall }: Opening, scope: Scope): void {
  const ageMs = config.TRADESTREAM_MONITOR_EVENT_RETENTION_DAYS * DAY_MS;
  const intervalMs = config.TRADESTREAM_MONITOR_ARCHIVE_INTERVAL_MS;
  if (ageMs === 0 || intervalMs === 0) return;
  const topic = watch.topics.commands;
  const primary = () => links.watcher(watch.replication.primaryName ?? 'primary');
  scope.use(
    new Sampler({
      name: 'retention',
      intervalMs: RETENTION_INTERVAL_MS,
      stall,
      // Until the clock of retention comes round nothing has stood against it.
      sample: async () =>
        await findBlockedRemoval(async (statement) => await askPrimary(primary, statement), topic, ageMs + intervalMs),
      onReading: ({ value }) => {
        watch.blockedRemoval = value;
      },
      // The last reading stands: one that fails is no sign that something can leave, and would end an alert.
      onFailure: (error) => log.debug({ error }, 'retention_not_read'),
    }),
  );
}

function openLog({ config, watch, links, admin, reader, log, stall }: Opening, scope: Scope): void {
  const logSampler = new LogSampler(admin, reader);
  const lagBook = new LagBook({
    windowSamples: config.TRADESTREAM_MONITOR_WINDOW_SAMPLES,
    retentionMs: (topic) => logSampler.retentionMs(topic),
  });
  scope.use(
    new Sampler({
      name: 'log',
      intervalMs: config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS,
      stall,
      sample: async (signal) => {
        if (watch.clusterName === '') watch.clusterName = await admin.clusterId();
        // Just before the ends of the log: what is applied between the two would seem to wait.
        await refreshPositions({ config, watch, links }, signal);
        return await logSampler.sample(watch.positions, signal);
      },
      onReading: (reading) => watch.takeLag(lagBook.take(reading), reading.atMs),
      onFailure: (error) => {
        watch.source('log', error.message);
        log.debug({ error }, 'log_not_read');
      },
    }),
  );
}

/** A primary that is slow or away does not hold up the reading of the log: the last positions stand for a while. */
async function refreshPositions(
  { config, watch, links }: Pick<SamplersOptions, 'config' | 'watch' | 'links'>,
  signal: AbortSignal,
): Promise<void> {
  const link = links.watcher(watch.replication.primaryName ?? 'primary');
  if (link === null) return;
  const timeoutMs = config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS / 2;
  try {
    watch.positions = await waitFor(samplePositions(link, watch.topics), { timeoutMs, signal, stage: 'ask positions' });
  } catch {
    // That the primary does not answer is known, and told, by its own readings.
  }
}

function openOuter({ config, watch, log, stall }: Opening, scope: Scope): void {
  const timeoutMs = config.TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS;
  const targets = new ServiceTargets({
    fixed: config.TRADESTREAM_MONITOR_SERVICES,
    file: config.TRADESTREAM_MONITOR_SERVICES_FILE,
  });
  scope.use(
    new Sampler({
      name: 'services',
      intervalMs: Math.max(OUTER_INTERVAL_MS_MIN, config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS),
      stall,
      sample: async () =>
        await Promise.all(
          targets.current().map(async (target) => {
            const startedMs = performance.now();
            try {
              const series = await scrape(target, timeoutMs);
              const latencySeconds = (performance.now() - startedMs) / 1_000;
              return { service: { name: target.name, up: true, latencySeconds, detail: '' }, series };
            } catch (error) {
              if (stall.hasStalledSince(startedMs)) throw error;
              const detail = errorOf(error).message;
              return { service: { name: target.name, up: false, latencySeconds: null, detail }, series: [] };
            }
          }),
        ),
      onReading: ({ value, atMs }) => watch.serviceBook.take(value, atMs),
      onFailure: (error) => log.warn({ error }, 'services_not_read'),
    }),
  );
  scope.use(
    new Sampler({
      name: 'registry and redis',
      intervalMs: Math.max(OUTER_INTERVAL_MS_MIN, config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS),
      stall,
      sample: async () => {
        const startedMs = performance.now();
        const probes = await Promise.all([
          probeRegistry(config.SCHEMA_REGISTRY_URL, timeoutMs),
          config.REDIS_URL === '' ? null : probeRedis(config.REDIS_URL, timeoutMs),
        ]);
        const isDoubtful = stall.hasStalledSince(startedMs) && probes.some((probe) => probe?.up === false);
        if (isDoubtful) throw new MonitorError('SOURCE_TIMEOUT', { detail: 'the monitor itself stood still' });
        return probes;
      },
      onReading: ({ value: [registry, redis] }) => {
        watch.registry = registry;
        watch.source('registry', registry.detail);
        watch.redis = redis;
        if (redis !== null) watch.source('redis', redis.detail);
      },
      onFailure: (error) => log.warn({ error }, 'probes_failed'),
    }),
  );
}
