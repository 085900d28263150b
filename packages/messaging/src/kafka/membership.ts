import { waitFor } from '@tradestream/runtime';
import { AssignerProtocol } from 'kafkajs';
import { assignPartitions } from './assign-partitions.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf } from './failure.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { GroupMember, KafkajsBroker } from './kafkajs-internals.ts';

const PROTOCOL = 'RoundRobinAssigner';
const LEAVE_TIMEOUT_MS = 2_000;
const COORDINATOR_MISSES_MAX = 10;
const NO_USER_DATA = Buffer.alloc(0);

/** One member of a consumer group: the exchange with its coordinator, and whether it still counts. */
export class Membership {
  readonly #source: ClientSource;
  readonly #group: string;
  readonly #topic: string;
  readonly #sessionTimeoutMs: number;
  readonly #rebalanceTimeoutMs: number;
  #memberId = '';
  #generation = -1;
  #coordinator: { readonly client: KafkaClient; readonly broker: KafkajsBroker } | undefined;
  #coordinatorMisses = 0;
  /** When the last answered heartbeat was sent, on the monotonic clock. */
  #aliveAtMs = 0;

  constructor(
    source: ClientSource,
    options: {
      readonly group: string;
      readonly topic: string;
      readonly sessionTimeoutMs: number;
      readonly rebalanceTimeoutMs: number;
    },
  ) {
    this.#source = source;
    this.#group = options.group;
    this.#topic = options.topic;
    this.#sessionTimeoutMs = options.sessionTimeoutMs;
    this.#rebalanceTimeoutMs = options.rebalanceTimeoutMs;
  }

  /** The coordinator must take this member for dead by now: a frozen process finds out before it is told. */
  get expired(): boolean {
    return performance.now() - this.#aliveAtMs > this.#sessionTimeoutMs;
  }

  /** Joins, as leader shares out the partitions, and resolves with those of this member. */
  async join(): Promise<readonly number[]> {
    return await this.#exchange(async (broker, client) => {
      const joined = await broker.joinGroup({
        groupId: this.#group,
        sessionTimeout: this.#sessionTimeoutMs,
        rebalanceTimeout: this.#rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupProtocols: [{ name: PROTOCOL, metadata: this.#metadata() }],
      });
      this.#memberId = joined.memberId;
      this.#generation = joined.generationId;
      const leads = joined.leaderId === joined.memberId;
      const { memberAssignment } = await broker.syncGroup({
        groupId: this.#group,
        generationId: joined.generationId,
        memberId: joined.memberId,
        groupAssignment: leads ? await shareOut(client, joined.members) : [],
      });
      this.#aliveAtMs = performance.now();
      return AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[this.#topic] ?? [];
    });
  }

  /** Rejects with what the broker answered: a rebalance, or that it no longer knows this member. */
  async heartbeat(timeoutMs: number): Promise<void> {
    const sentAtMs = performance.now();
    const answered = this.#exchange(async (broker) => {
      await broker.heartbeat({ groupId: this.#group, groupGenerationId: this.#generation, memberId: this.#memberId });
    });
    try {
      await waitFor(answered, { timeoutMs, stage: 'heartbeat' });
      this.#aliveAtMs = sentAtMs;
    } catch (error) {
      // No answer in time: the exchange itself has not failed yet, its connection is given up here.
      const silent = this.#coordinator?.client;
      if (failureOf(error) === 'retry' && silent !== undefined) await this.#source.discard(silent, error);
      throw error;
    }
  }

  /** Forgets the member id that the coordinator no longer knows; the next join makes a new one. */
  forget(): void {
    this.#memberId = '';
  }

  /** Best effort: a member that cannot say good-bye is dropped after its session timeout. */
  async leave(): Promise<void> {
    const memberId = this.#memberId;
    if (memberId === '') return;
    this.#memberId = '';
    const left = this.#exchange(async (broker) => await broker.leaveGroup({ groupId: this.#group, memberId }));
    await waitFor(left, { timeoutMs: LEAVE_TIMEOUT_MS, stage: 'leave' }).catch((error: unknown) =>
      this.#source.settings.log.debug({ group: this.#group, error }, 'kafka_leave_failed'),
    );
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    const partitions = [...next].map(([partition, offset]) => ({ partition, offset: String(offset), metadata: null }));
    await this.#exchange(async (broker) => {
      await broker.offsetCommit({
        groupId: this.#group,
        groupGenerationId: this.#generation,
        memberId: this.#memberId,
        topics: [{ topic: this.#topic, partitions }],
      });
    });
  }

  /** A failure of the connection or the coordinator costs the client; a verdict of the group does not. */
  async #exchange<T>(work: (broker: KafkajsBroker, client: KafkaClient) => Promise<T>): Promise<T> {
    const client = await this.#source.get();
    try {
      if (this.#coordinator?.client !== client) {
        // The topic first: kafkajs asks the brokers that it knows from metadata for the coordinator.
        await client.leaders(this.#topic);
        this.#coordinator = { client, broker: await client.coordinator(this.#group) };
      }
      const result = await work(this.#coordinator.broker, client);
      this.#coordinatorMisses = 0;
      this.#source.works();
      return result;
    } catch (error) {
      const failure = failureOf(error);
      if (failure === 'coordinator') {
        this.#coordinator = undefined;
        this.#coordinatorMisses += 1;
      }
      // kafkajs answers "no coordinator" also for a broker that it cannot reach.
      const unreachable = failure === 'retry' || this.#coordinatorMisses > COORDINATOR_MISSES_MAX;
      if (unreachable) await this.#source.discard(client, error);
      throw error;
    }
  }

  #metadata(): Buffer {
    return AssignerProtocol.MemberMetadata.encode({ version: 0, topics: [this.#topic], userData: NO_USER_DATA });
  }
}

async function shareOut(
  client: KafkaClient,
  members: readonly GroupMember[],
): Promise<readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]> {
  const readers = members.map(({ memberId, memberMetadata }) => ({
    memberId,
    topics: AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? [],
  }));
  const partitionsOf = new Map<string, readonly number[]>();
  for (const topic of new Set(readers.flatMap(({ topics }) => topics))) {
    const leaders = await client.leaders(topic);
    partitionsOf.set(
      topic,
      [...leaders.keys()].sort((left, right) => left - right),
    );
  }
  return [...assignPartitions(readers, partitionsOf)].map(([memberId, assignment]) => ({
    memberId,
    memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: NO_USER_DATA }),
  }));
}
