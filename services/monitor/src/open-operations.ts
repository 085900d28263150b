import { openSchemas } from '@tradestream/contracts';
import { DeadLetterStore } from './deadletters/dead-letter-store.ts';
import type { RoutesOptions } from './http/add-routes.ts';
import { type JobsParts, openJobs } from './jobs/open-jobs.ts';
import { ArchiveClock } from './recovery/archive-clock.ts';

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
  const archiving = { intervalMs, jobs, book, admin, topic: topics.commands, link: operator, log: context.log };
  if (intervalMs > 0) parts.scope.use(new ArchiveClock(archiving));
  return {
    jobs,
    book,
    deadLetters: new DeadLetterStore(operator, topics.commands),
    schemas: await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log: context.log, timeoutMs, topics }),
    operator,
    admin,
  };
}
