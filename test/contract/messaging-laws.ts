import { randomUUID } from 'node:crypto';
import type { LogAdmin, MessageLog, OutgoingRecord } from '@tradestream/messaging';
import { afterAll, beforeAll } from 'vitest';
import { adminLaws } from './messaging-admin-laws.ts';
import { groupLaws } from './messaging-group-laws.ts';
import { producerLaws } from './messaging-producer-laws.ts';
import { readerLaws } from './messaging-reader-laws.ts';
import { subscriptionLaws } from './messaging-subscription-laws.ts';

/** What a law has at hand. */
export type Bench = {
  readonly log: () => MessageLog;
  readonly admin: () => LogAdmin;
  /** A new topic of its own. */
  readonly topic: (partitions?: number) => Promise<string>;
  /** A group name of its own. */
  readonly group: () => string;
};

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

/** Records with the number as value, all for one partition. */
export function numbered(
  count: number,
  options: { readonly partition: number; readonly first?: number },
): OutgoingRecord[] {
  const first = options.first ?? 0;
  return Array.from({ length: count }, (_, index) => ({
    partition: options.partition,
    key: null,
    value: Buffer.from(String(first + index)),
  }));
}

export function textOf(value: Buffer | null): string {
  return value === null ? 'null' : value.toString();
}
