import { randomUUID } from 'node:crypto';
import type { LogAdmin, MessageLog } from '@tradestream/messaging';
import { afterAll, beforeAll } from 'vitest';
import { adminLaws } from './messaging-admin-laws.ts';
import type { Bench } from './messaging-bench.ts';
import { groupLaws } from './messaging-group-laws.ts';
import { producerLaws } from './messaging-producer-laws.ts';
import { readerLaws } from './messaging-reader-laws.ts';
import { subscriptionLaws } from './messaging-subscription-laws.ts';

/** What every adapter of the messaging port keeps. `open` gives a log that this run owns. */
export function messagingLaws(open: () => Promise<MessageLog>): void {
  let log: MessageLog;
  let admin: LogAdmin;
  beforeAll(async () => {
    log = await open();
    await log.ready();
    admin = await log.openAdmin();
  });
  afterAll(async () => {
    await log.close();
  });
  const bench: Bench = {
    log: () => log,
    admin: () => admin,
    topic: async (partitions = 3) => {
      const topic = `laws-${randomUUID()}`;
      await admin.createTopics([{ topic, partitions }]);
      return topic;
    },
    group: () => `laws-${randomUUID()}`,
  };
  producerLaws(bench);
  subscriptionLaws(bench);
  groupLaws(bench);
  readerLaws(bench);
  adminLaws(bench);
}
