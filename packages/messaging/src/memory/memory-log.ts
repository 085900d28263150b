import { type Clock, systemClock } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import type { MessageLog, OutgoingRecord, Producer, RecordPlace, Subscription } from '../ports.ts';
import { createMemoryAdmin, createMemoryReader, type MemoryCluster, topicOf } from './memory-admin.ts';
import { MemoryGroup } from './memory-group.ts';
import { MemorySubscription } from './memory-subscription.ts';

/**
 * A log in this process's memory under the same laws as the one on Kafka: groups, rebalances,
 * offsets. Deterministic for one order of calls and one clock. Nothing outlives the process.
 */
export function createMemoryLog(options: { readonly clock?: Clock } = {}): MessageLog {
  const clock = options.clock ?? systemClock;
  const cluster: MemoryCluster = { topics: new Map(), groups: new Map() };
  const find = (name: string) => cluster.topics.get(name);
  const subscriptions = new Set<Subscription>();
  return {
    ready: async () => undefined,
    openProducer: async () => openProducer(cluster, clock),
    subscribe: async (subscribeOptions, handler) => {
      const name = subscribeOptions.group;
      const group = cluster.groups.get(name) ?? new MemoryGroup(name, find);
      cluster.groups.set(name, group);
      const subscription = new MemorySubscription(subscribeOptions, handler, { group, find });
      subscriptions.add(subscription);
      void group.join(subscription);
      return subscription;
    },
    openAdmin: async () => createMemoryAdmin(cluster),
    openReader: async () => createMemoryReader(cluster),
    close: async () => {
      await Promise.all([...subscriptions].map(async (subscription) => await subscription.close()));
    },
  };
}

function openProducer(cluster: MemoryCluster, clock: Clock): Producer {
  let closed = false;
  return {
    send: async (topic, records, options) => {
      if (closed) throw new MessagingError('MSG_CLOSED');
      if (options?.signal?.aborted === true) throw new MessagingError('MSG_ABORTED', { cause: options.signal.reason });
      return records.map(
        (record: OutgoingRecord): RecordPlace => topicOf(cluster, topic).append(record, clock.nowMs()),
      );
    },
    close: async () => {
      closed = true;
    },
  };
}
