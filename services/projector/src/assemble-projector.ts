import type { Logger, Readiness } from '@tradestream/runtime';
import type { Bell } from './bell.ts';
import type { ProjectorConfig } from './config.ts';
import type { Connections } from './connections.ts';
import { Deference } from './deference.ts';
import { Projector } from './projector.ts';
import type { ProjectorMetrics } from './projector-metrics.ts';
import type { ViewLink } from './view-link.ts';
import type { View } from './views/view.ts';

/** What a projector is made of: its connections as ports, and what it tells the world. Nothing here is opened. */
export type ProjectorParts = {
  readonly config: ProjectorConfig;
  readonly connections: Pick<Connections, 'topics' | 'admin' | 'reader'>;
  readonly link: ViewLink;
  readonly views: readonly View[];
  readonly bell: Bell;
  readonly metrics: ProjectorMetrics;
  readonly readiness: Readiness;
  readonly log: Logger;
};

/** The part that projects, which has yet to be run. */
export function assembleProjector(parts: ProjectorParts): Projector {
  const { config, connections, ...shared } = parts;
  const { topics, admin, reader } = connections;
  return new Projector({
    ...shared,
    reader,
    admin,
    topic: topics.events,
    batchRecordsMax: config.TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX,
    aheadRecordsMin: config.TRADESTREAM_PROJECTOR_AHEAD_RECORDS_MIN,
    queueRecordsMax: config.TRADESTREAM_PROJECTOR_QUEUE_RECORDS_MAX,
    commitTimeoutMs: config.TRADESTREAM_PROJECTOR_COMMIT_TIMEOUT_MS,
    deference: new Deference({
      admin,
      commandsTopic: topics.commands,
      workerGroup: `${config.TRADESTREAM_GROUP_PREFIX}transaction-worker`,
      factor: config.TRADESTREAM_PROJECTOR_DEFERENCE_FACTOR,
      log: parts.log,
    }),
  });
}
