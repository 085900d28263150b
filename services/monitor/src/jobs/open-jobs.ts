import { type JobTimer, type LogAdmin, openMemoryJobTimer, openRedisJobTimer } from '@tradestream/messaging';
import type { Logger, Scope, ServiceContext } from '@tradestream/runtime';
import { type MonitorConfig, nodesOf } from '../config.ts';
import type { NodeLinks } from '../sources/node-links.ts';
import type { Watch } from '../watch/watch.ts';
import { allKinds } from './all-kinds.ts';
import { JobBook } from './job-book.ts';
import { JobMetrics } from './job-metrics.ts';
import { JobRunner } from './job-runner.ts';
import { Jobs } from './jobs.ts';

/** Longest wait for Redis, ms: a person waits for the answer behind it. */
const TIMER_DEADLINE_MS = 1_000;

export type JobsParts = {
  readonly config: MonitorConfig;
  readonly links: NodeLinks;
  readonly watch: Watch;
  readonly admin: LogAdmin;
  readonly scope: Scope;
  readonly context: ServiceContext;
};

/** The jobs of this process, on the primary as the watch knows it. */
export async function openJobs(parts: JobsParts): Promise<{ readonly jobs: Jobs; readonly book: JobBook }> {
  const { config, links, watch, admin, scope, context } = parts;
  const { log, readiness } = context;
  const metrics = new JobMetrics(context.metrics);
  const primaryName = () => watch.replication.primaryName ?? 'primary';
  const leaseMs = config.TRADESTREAM_MONITOR_JOB_LEASE_MS;
  const book = new JobBook(() => links.keeper(primaryName()), leaseMs);
  const kinds = allKinds({
    config,
    topics: watch.topics,
    admin,
    link: () => links.operator(primaryName()),
    primaryUrl: () => nodesOf(config).find(({ name }) => name === primaryName())?.url ?? '',
    log,
  });
  const runsMax = config.TRADESTREAM_MONITOR_JOBS_RUNNING_MAX;
  const runner = new JobRunner({ book, kinds, runsMax, leaseMs, metrics, log, onFree: () => jobs.sweep() });
  const sweepMs = config.TRADESTREAM_MONITOR_JOB_SWEEP_MS;
  const jobs = scope.use(new Jobs({ book, runner, timer: await openTimer(config, log), sweepMs, readiness, log }));
  return { jobs, book };
}

async function openTimer(config: MonitorConfig, log: Logger): Promise<JobTimer> {
  if (config.REDIS_URL === '') return openMemoryJobTimer();
  const queue = `${config.TRADESTREAM_GROUP_PREFIX}tradestream-jobs`;
  return await openRedisJobTimer({ url: config.REDIS_URL, queue, deadlineMs: TIMER_DEADLINE_MS, log });
}
