import { MessagingError } from '../errors.ts';
import type { LogAdmin, LogReader, LogRecord } from '../ports.ts';
import type { MemoryGroup } from './memory-group.ts';
import { MemoryTopic } from './memory-topic.ts';

/** What the parts of one in-memory cluster share. */
export type MemoryCluster = {
  readonly topics: Map<string, MemoryTopic>;
  readonly groups: Map<string, MemoryGroup>;
};

const RECORDS_PER_READ = 1_000;

export function topicOf(cluster: MemoryCluster, name: string): MemoryTopic {
  const topic = cluster.topics.get(name);
  if (topic === undefined) throw new MessagingError('MSG_UNKNOWN_TOPIC', { context: { topic: name } });
  return topic;
}

export function createMemoryAdmin(cluster: MemoryCluster): LogAdmin {
  return {
    clusterId: async () => 'memory',
    createTopics: async (topics) => await createTopics(cluster, topics),
    deleteTopics: async (topics) => {
      for (const topic of topics) cluster.topics.delete(topic);
    },
    partitionCount: async (topic) => cluster.topics.get(topic)?.partitionCount ?? null,
    ranges: async (topic) => topicOf(cluster, topic).ranges(),
    offsetsAt: async (topic, timeMs) => topicOf(cluster, topic).offsetsAt(timeMs),
    groups: async () =>
      [...cluster.groups.entries()]
        .map(([group, kept]) => {
          const { state } = groupState(kept);
          return { group, protocolType: 'consumer', state, protocol: 'classic' };
        })
        .sort((left, right) => (left.group < right.group ? -1 : 1)),
    groupMembers: async (group) => cluster.groups.get(group)?.members() ?? [],
    committedOffsets: async (group) => cluster.groups.get(group)?.allCommitted() ?? [],
    topicConfig: async (topic) => topicOf(cluster, topic).config,
    groupState: async (group) => groupState(cluster.groups.get(group)),
    groupOffsets: async (group, topic) =>
      topicOf(cluster, topic)
        .ranges()
        .map(({ partition }) => ({
          partition,
          committed: cluster.groups.get(group)?.committed(topic, partition) ?? null,
        })),
    deleteGroup: async (group) => {
      if ((cluster.groups.get(group)?.memberCount ?? 0) > 0) {
        throw new MessagingError('MSG_REFUSED', { detail: 'the group has members', context: { group } });
      }
      cluster.groups.delete(group);
    },
    deleteRecords: async (topic, before) => {
      for (const [partition, offset] of before) topicOf(cluster, topic).partition(partition).deleteBefore(offset);
    },
    close: async () => undefined,
  };
}

export function createMemoryReader(cluster: MemoryCluster): LogReader {
  return {
    read: (options) => readRange(cluster, options),
    peek: async ({ topic, partition, from, signal }) => {
      if (signal?.aborted === true) throw new MessagingError('MSG_ABORTED', { cause: signal.reason });
      return topicOf(cluster, topic).partition(partition).read(from, 1)[0] ?? null;
    },
    close: async () => undefined,
  };
}

async function* readRange(
  cluster: MemoryCluster,
  options: Parameters<LogReader['read']>[0],
): AsyncGenerator<readonly LogRecord[]> {
  const partition = topicOf(cluster, options.topic).partition(options.partition);
  const end = Math.min(options.to, partition.end);
  for (let from = options.from; from < end; from += RECORDS_PER_READ) {
    if (options.signal?.aborted === true) throw new MessagingError('MSG_ABORTED', { cause: options.signal.reason });
    yield partition.read(from, Math.min(RECORDS_PER_READ, end - from));
  }
}

async function createTopics(cluster: MemoryCluster, topics: Parameters<LogAdmin['createTopics']>[0]): Promise<void> {
  const created = new Set<string>();
  for (const { topic, partitions, config } of topics) {
    const existing = cluster.topics.get(topic);
    if (existing === undefined) {
      cluster.topics.set(topic, new MemoryTopic(topic, partitions, config));
      created.add(topic);
    } else if (existing.partitionCount !== partitions) {
      throw new MessagingError('MSG_TOPIC_DIFFERS', {
        context: { topic, wanted: partitions, partitions: existing.partitionCount },
      });
    }
  }
  const waiting = [...cluster.groups.values()].filter((group) => group.reads(created));
  await Promise.all(waiting.map(async (group) => await group.rebalance()));
}

function groupState(group: MemoryGroup | undefined): { readonly state: string; readonly members: number } {
  if (group === undefined) return { state: 'Dead', members: 0 };
  return { state: group.memberCount > 0 ? 'Stable' : 'Empty', members: group.memberCount };
}
