import type { GroupMember as MemberOfGroup } from '../ports.ts';
import type { MemoryTopic } from './memory-topic.ts';

/** What a group asks of its members. */
export interface GroupMember {
  readonly topic: string;
  readonly clientId: string;
  readonly partitions: readonly number[];
  revoke(): Promise<void>;
  assign(partitions: readonly number[]): void;
}

/** A consumer group: its members in the order in which they joined, and what was committed. */
export class MemoryGroup {
  readonly name: string;
  readonly #topic: (name: string) => MemoryTopic | undefined;
  readonly #committed = new Map<string, Map<number, number>>();
  #members: readonly GroupMember[] = [];
  /** Rebalances run one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(name: string, topic: (name: string) => MemoryTopic | undefined) {
    this.name = name;
    this.#topic = topic;
  }

  get memberCount(): number {
    return this.#members.length;
  }

  /** Whether a member reads one of these topics. */
  reads(topics: ReadonlySet<string>): boolean {
    return this.#members.some((member) => topics.has(member.topic));
  }

  members(): readonly MemberOfGroup[] {
    return this.#members.map(({ topic, clientId, partitions }, index) => ({
      memberId: `${clientId}-${index}`,
      clientId,
      host: '',
      partitions: partitions.map((partition) => ({ topic, partition })),
    }));
  }

  allCommitted(): readonly { readonly topic: string; readonly partition: number; readonly committed: number }[] {
    return [...this.#committed].flatMap(([topic, offsets]) =>
      [...offsets].map(([partition, committed]) => ({ topic, partition, committed })),
    );
  }

  committed(topic: string, partition: number): number | null {
    return this.#committed.get(topic)?.get(partition) ?? null;
  }

  commit(topic: string, next: ReadonlyMap<number, number>): void {
    const offsets = this.#committed.get(topic) ?? new Map<number, number>();
    this.#committed.set(topic, offsets);
    for (const [partition, offset] of next) offsets.set(partition, offset);
  }

  join(member: GroupMember): Promise<void> {
    // Once: it may have asked to join again while it was joining.
    if (!this.#members.includes(member)) this.#members = [...this.#members, member];
    return this.rebalance();
  }

  leave(member: GroupMember): Promise<void> {
    this.#members = this.#members.filter((other) => other !== member);
    return this.#queue(async () => {
      await member.revoke();
      await this.#rebalance();
    });
  }

  /** Takes all partitions from all members, then hands them out again: the eager protocol. */
  rebalance(): Promise<void> {
    return this.#queue(async () => await this.#rebalance());
  }

  #queue(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  async #rebalance(): Promise<void> {
    const members = this.#members;
    await Promise.all(members.map((member) => member.revoke()));
    for (const member of members) {
      const topic = this.#topic(member.topic);
      const peers = members.filter((other) => other.topic === member.topic);
      const place = peers.indexOf(member);
      const mine = topic?.ranges().filter(({ partition }) => partition % peers.length === place);
      if (mine !== undefined) member.assign(mine.map(({ partition }) => partition));
    }
  }
}
