import { openSchemas } from '@tradestream/contracts';
import { pruneFinished } from '@tradestream/recovery';
import type { Closeable } from '@tradestream/runtime';
import { DeadLetterStore } from './deadletters/dead-letter-store.ts';
import type { RoutesOptions } from './http/add-routes.ts';
import { type JobsParts, openJobs } from './jobs/open-jobs.ts';
import { lookForReconciliation } from './reconciliation/look-for-reconciliation.ts';
import { ArchiveClock } from './recovery/archive-clock.ts';
import { askPrimary } from './sources/ask-primary.ts';
import type { NodeLink } from './sources/node-link.ts';
import { Sampler } from './sources/sampler.ts';

const PRUNE_MS = 600_000;
/** So that a long interval survives that the monitor is started again. */
const LOOK_MS_MAX = 60_000;

type Operations = Pick<RoutesOptions, 'jobs' | 'book' | 'deadLetters' | 'schemas' | 'operator' | 'admin'>;

/** What operators do: long work, parked records, the audit. All on the primary as the watch knows it. */
export async function openOperations(parts: JobsParts): Promise<Operations> {
  const { config, links, watch, context } = parts;
  const { topics } = watch;
  const operator = () => links.operator(watch.replication.primaryName ?? 'primary');
  const timeoutMs = config.TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS;
  const { jobs, book } = await openJobs(parts);
  const intervalMs = config.TRADESTREAM_MONITOR_ARCHIVE_INTERVAL_MS;
  const { admin } = parts;
  const eventDays = config.TRADESTREAM_MONITOR_EVENT_RETENTION_DAYS;
  const archiving = {
    intervalMs,
    jobs,
    book,
    admin,
    topic: topics.commands,
    link: operator,
    log: context.log,
    eventDays,
  };
  if (intervalMs > 0) parts.scope.use(new ArchiveClock(archiving));
  parts.scope.use(openPruning(parts, operator));
  if (config.TRADESTREAM_MONITOR_RECONCILIATION_INTERVAL_MS > 0)
    parts.scope.use(openReconciling(parts, { jobs, book }));
  return {
    jobs,
    book,
    deadLetters: new DeadLetterStore(operator, topics.commands),
    schemas: await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log: context.log, timeoutMs, topics }),
    operator,
    admin,
  };
}

/** Removes now and then what ended long ago: at the start, and again while the monitor runs. */
function openPruning({ config, context: { log } }: JobsParts, operator: () => NodeLink | null): Closeable {
  const keptDays = config.TRADESTREAM_MONITOR_JOB_RETENTION_DAYS;
  return new Sampler({
    name: 'finished work',
    intervalMs: PRUNE_MS,
    sample: async (signal) =>
      await pruneFinished({ ask: async (statement) => await askPrimary(operator, statement), keptDays, signal }),
    onReading: ({ value: removed }) => {
      if (removed > 0) log.info({ removed }, 'finished_work_removed');
    },
    onFailure: (error) => log.debug({ error }, 'finished_work_not_removed'),
  });
}

function openReconciling(
  { config, context: { log } }: JobsParts,
  { jobs, book }: Pick<Operations, 'jobs' | 'book'>,
): Closeable {
  const intervalMs = config.TRADESTREAM_MONITOR_RECONCILIATION_INTERVAL_MS;
  return new Sampler({
    name: 'reconciliation',
    intervalMs: Math.min(intervalMs, LOOK_MS_MAX),
    sample: async () => await lookForReconciliation({ jobs, book, intervalMs }),
    onReading: () => undefined,
    onFailure: (error) => log.debug({ error }, 'reconciliation_not_asked_for'),
  });
}
