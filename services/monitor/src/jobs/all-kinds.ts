import type { Topics } from '@tradestream/contracts';
import type { LogAdmin } from '@tradestream/messaging';
import type { Logger } from '@tradestream/runtime';
import type { MonitorConfig } from '../config.ts';
import { releaseKinds } from '../deadletters/release-kinds.ts';
import { projectionKinds } from '../projections/projection-kinds.ts';
import { reconciliationKind } from '../reconciliation/reconciliation-kind.ts';
import { recoveryKinds } from '../recovery/recovery-kinds.ts';
import type { NodeLink } from '../sources/node-link.ts';
import type { JobKind } from './job-kind.ts';

/** What kinds of work are made of. */
export type KindParts = {
  readonly config: MonitorConfig;
  readonly topics: Topics;
  readonly admin: LogAdmin;
  /** To the primary, shared by all jobs: for short statements. Null while no node is known as the primary. */
  readonly link: () => NodeLink | null;
  /** URL of the primary, for kinds whose statements are long or that need transactions. */
  readonly primaryUrl: () => string;
  readonly log: Logger;
};

/** Every kind of job that this monitor runs: one line each. */
export function allKinds({ config, link, topics, admin, primaryUrl, log }: KindParts): readonly JobKind[] {
  const ratePerSecond = config.TRADESTREAM_MONITOR_REDRIVE_RATE_MAX;
  return [
    ...releaseKinds({ link, topic: topics.commands, ratePerSecond }),
    ...recoveryKinds({
      admin,
      topic: topics.commands,
      primaryUrl,
      eventDays: config.TRADESTREAM_MONITOR_EVENT_RETENTION_DAYS,
    }),
    ...projectionKinds(link),
    reconciliationKind({
      primaryUrl,
      kafkaBrokers: config.KAFKA_BROKERS,
      topicPrefix: config.TRADESTREAM_TOPIC_PREFIX,
      log,
    }),
  ];
}
