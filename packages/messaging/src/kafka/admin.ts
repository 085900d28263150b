import { errorOf, sleep, waitFor } from '@tradestream/runtime';
import kafkajs, { type Admin, AssignerProtocol, Kafka, type MemberDescription } from 'kafkajs';
import { MessagingError } from '../errors.ts';
import type { GroupMember, GroupSummary, LogAdmin, PartitionRange } from '../ports.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf, messagingErrorOf, protocolTypeOf, protocolTypesOf } from './failure.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { KafkaSettings } from './kafka-options.ts';
import { listGroups } from './list-groups.ts';
import { pinoWriter } from './log-creator.ts';
import { TrackedSockets } from './tracked-sockets.ts';

const RETRY = { retries: 3, initialRetryTime: 50, maxRetryTime: 500 };
const PAUSE_MS = 250;

type Connected = { readonly admin: Admin; readonly sockets: TrackedSockets };
type Topics = Parameters<LogAdmin['createTopics']>[0];

/** Administration over kafkajs' admin client; connects when first asked and again after a failure. */
export class KafkaAdmin implements LogAdmin {
  readonly #settings: KafkaSettings;
  /** For the requests that kafkajs' own admin client does not know. */
  readonly #source: ClientSource;
  #connected: Promise<Connected> | undefined;
  #closed = false;

  constructor(settings: KafkaSettings, source: ClientSource) {
    this.#settings = settings;
    this.#source = source;
  }

  async clusterId(): Promise<string> {
    return await this.#call('clusterId', {}, async (admin) => (await admin.describeCluster()).clusterId);
  }

  async createTopics(topics: Topics): Promise<void> {
    const make = async (admin: Admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter(({ topic }) => !existing.has(topic));
      if (missing.length > 0) {
        await admin
          .createTopics({ waitForLeaders: true, topics: missing.map(topicConfig) })
          .catch(ignoring('TOPIC_ALREADY_EXISTS'));
      }
      const { topics: found } = await admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) });
      for (const { topic, partitions: wanted } of topics) {
        const partitions = found.find(({ name }) => name === topic)?.partitions.length;
        if (partitions === wanted) continue;
        throw new MessagingError('MSG_TOPIC_DIFFERS', { context: { topic, wanted, partitions } });
      }
    };
    await this.#call('createTopics', {}, make, { makesTopics: true });
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    await this.#call('deleteTopics', {}, async (admin) => {
      const existing = new Set(await admin.listTopics());
      const present = topics.filter((topic) => existing.has(topic));
      if (present.length > 0)
        await admin.deleteTopics({ topics: present }).catch(ignoring('UNKNOWN_TOPIC_OR_PARTITION'));
    });
  }

  async partitionCount(topic: string): Promise<number | null> {
    return await this.#call('partitionCount', { topic }, async (admin) => {
      if (!(await admin.listTopics()).includes(topic)) return null;
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length ?? null;
    });
  }

  async ranges(topic: string): Promise<readonly PartitionRange[]> {
    return await this.#call('ranges', { topic }, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .sort((left, right) => left.partition - right.partition);
    });
  }

  async offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>> {
    return await this.#call('offsetsAt', { topic }, async (admin) => {
      const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timeMs);
      return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
    });
  }

  async groups(): Promise<readonly GroupSummary[]> {
    return await this.#call('groups', {}, async (admin) => {
      const listed = await this.#onWire(listGroups);
      if (listed !== null) return listed;
      const { groups } = await admin.listGroups();
      return groups
        .map(({ groupId, protocolType }) => ({ group: groupId, protocolType, state: null, protocol: 'classic' }))
        .sort((left, right) => (left.group < right.group ? -1 : 1));
    });
  }

  async groupMembers(group: string): Promise<readonly GroupMember[]> {
    return await this.#call('groupMembers', { group }, async (admin) => {
      try {
        const described = (await admin.describeGroups([group])).groups[0];
        return (described?.members ?? []).map(memberOf);
      } catch (error) {
        if (protocolTypeOf(error) === 'GROUP_ID_NOT_FOUND') return [];
        throw error;
      }
    });
  }

  async committedOffsets(
    group: string,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly committed: number }[]> {
    return await this.#call('committedOffsets', { group }, async (admin) => {
      const found = await admin.fetchOffsets({ groupId: group });
      return found.flatMap(({ topic, partitions }) =>
        partitions
          .map(({ partition, offset }) => ({ topic, partition, committed: Number(offset) }))
          .filter(({ committed }) => committed >= 0),
      );
    });
  }

  async topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    return await this.#call('topicConfig', { topic }, async (admin) => {
      const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }];
      const answer = await admin.describeConfigs({ resources, includeSynonyms: false });
      return Object.fromEntries(
        (answer.resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]),
      );
    });
  }

  async groupState(group: string): Promise<{ readonly state: string; readonly members: number }> {
    return await this.#call('groupState', { group }, async (admin) => {
      try {
        const described = (await admin.describeGroups([group])).groups[0];
        return { state: described?.state ?? 'Dead', members: described?.members.length ?? 0 };
      } catch (error) {
        if (protocolTypeOf(error) === 'GROUP_ID_NOT_FOUND') return { state: 'Dead', members: 0 };
        throw error;
      }
    });
  }

  async groupOffsets(
    group: string,
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly committed: number | null }[]> {
    return await this.#call('groupOffsets', { group, topic }, async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return (found?.partitions ?? [])
        .map(({ partition, offset }) => ({ partition, committed: Number(offset) < 0 ? null : Number(offset) }))
        .sort((left, right) => left.partition - right.partition);
    });
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#call('deleteGroup', { group }, async (admin) => {
      try {
        await admin.deleteGroups([group]);
      } catch (error) {
        const type = protocolTypeOf(error);
        if (type === 'GROUP_ID_NOT_FOUND') return;
        if (type !== 'NON_EMPTY_GROUP') throw error;
        throw new MessagingError('MSG_REFUSED', { cause: error, detail: 'the group has members', context: { group } });
      }
    });
  }

  async deleteRecords(topic: string, before: ReadonlyMap<number, number>): Promise<void> {
    await this.#call('deleteRecords', { topic }, async (admin) => {
      const partitions = [...before].map(([partition, offset]) => ({ partition, offset: String(offset) }));
      // The client looks for the partitions' leaders before it has asked for the topic's.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#source.close();
    await this.#discard(this.#connected);
  }

  /** Tries again on a new connection until the time is over. Each call here may be made twice. */
  async #call<T>(
    stage: string,
    context: Readonly<Record<string, unknown>>,
    work: (admin: Admin) => Promise<T>,
    { makesTopics = false }: { readonly makesTopics?: boolean } = {},
  ): Promise<T> {
    const deadlineMs = performance.now() + this.#settings.adminTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#closed) throw new MessagingError('MSG_CLOSED', { context: { stage } });
      this.#connected ??= this.#connect();
      const connected = this.#connected;
      try {
        const timeoutMs = Math.max(1, deadlineMs - performance.now());
        return await waitFor(
          connected.then(async ({ admin }) => await work(admin)),
          { timeoutMs, stage },
        );
      } catch (error) {
        const failed = messagingErrorOf(error, { stage, ...context });
        // A topic made a moment ago may not be known to every broker yet: asked once more, by its maker until it is.
        const missing = failed.code === 'MSG_UNKNOWN_TOPIC' && attempt > 1 && !makesTopics;
        if (failed.retry === 'never' || missing) throw failed;
        if (this.#connected === connected) this.#connected = undefined;
        await this.#discard(connected);
        if (performance.now() + PAUSE_MS >= deadlineMs) throw failed;
        await sleep(PAUSE_MS);
      }
    }
  }

  async #onWire<T>(work: (client: KafkaClient) => Promise<T>): Promise<T> {
    const client = await this.#source.get();
    try {
      const answer = await work(client);
      this.#source.works();
      return answer;
    } catch (error) {
      if (failureOf(error) === 'retry') await this.#source.discard(client, error);
      throw error;
    }
  }

  async #connect(): Promise<Connected> {
    const { brokers, clientId, ssl, sasl, log, connectTimeoutMs, requestTimeoutMs } = this.#settings;
    const sockets = new TrackedSockets();
    const kafka = new Kafka({
      brokers: [...brokers],
      clientId,
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      retry: RETRY,
      logCreator: () => pinoWriter(log),
      socketFactory: sockets.open,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl }),
    });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return { admin, sockets };
    } catch (error) {
      sockets.destroyAll('the connection was not made');
      throw error;
    }
  }

  async #discard(connecting: Promise<Connected> | undefined): Promise<void> {
    const connected = await connecting?.catch(() => undefined);
    connected?.sockets.destroyAll('the admin client was closed');
  }
}

/** A member that joined with another assignment format than consumers use is told without partitions. */
function memberOf({ memberId, clientId, clientHost, memberAssignment }: MemberDescription): GroupMember {
  const { assignment = {} } =
    memberAssignment.length === 0 ? {} : (AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {});
  const partitions = Object.entries(assignment).flatMap(([topic, ids]) =>
    ids.map((partition) => ({ topic, partition })),
  );
  return { memberId, clientId, host: clientHost, partitions };
}

function topicConfig({ topic, partitions, config }: Topics[number]): {
  readonly topic: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configEntries: { name: string; value: string }[];
} {
  const configEntries = Object.entries(config ?? {}).map(([name, value]) => ({ name, value }));
  // -1: as many replicas as the broker's default says.
  return { topic, numPartitions: partitions, replicationFactor: -1, configEntries };
}

/** Someone else was first, or was first to remove it. */
function ignoring(type: string): (error: unknown) => void {
  return (error) => {
    const types = protocolTypesOf(error);
    if (types.length === 0 || types.some((other) => other !== type)) throw errorOf(error);
  };
}
