import {
  type GroupMember,
  type LogAdmin,
  type LogReader,
  MessagingError,
  type PartitionRange,
} from '@tradestream/messaging';
import { inTurns } from './in-turns.ts';
import { type GroupSample, lagOf, type PartitionSample, type TrackedOffsets } from './lag-sample.ts';
import { NextRecords } from './next-records.ts';
import { TopicRetention } from './topic-retention.ts';

/** Requests to the broker that are outstanding at once. */
const CONCURRENCY = 8;

export type LogSample = { readonly groups: readonly GroupSample[]; readonly database: readonly GroupSample[] };

/** Asks the log where every group stands, and where those stand whose offsets the database holds. */
export class LogSampler {
  readonly #admin: LogAdmin;
  readonly #next: NextRecords;
  readonly #retention: TopicRetention;

  constructor(admin: LogAdmin, reader: LogReader) {
    this.#admin = admin;
    this.#next = new NextRecords(reader);
    this.#retention = new TopicRetention(admin);
  }

  /** How long a topic keeps a record, ms; null: for ever, or not known. */
  retentionMs(topic: string): number | null {
    return this.#retention.of(topic);
  }

  async sample(database: readonly TrackedOffsets[], signal: AbortSignal): Promise<LogSample> {
    // Offsets first, ends after them: a reader is never ahead of the end it is compared with.
    const groups = await this.#groups();
    const tracked = [...groups, ...database];
    const topics = new Set(tracked.flatMap(({ offsets }) => offsets.map(({ topic }) => topic)));
    const ranges = await this.#ranges([...topics]);
    await this.#retention.refresh([...topics]);
    const placed = tracked.map((group) => place(group, ranges));
    const sampled = await this.#withNext(placed, signal);
    return { groups: sampled.slice(0, groups.length), database: sampled.slice(groups.length) };
  }

  async #groups(): Promise<readonly TrackedOffsets[]> {
    const listed = (await this.#admin.groups()).filter(
      ({ protocolType }) => protocolType === 'consumer' || protocolType === '',
    );
    return await inTurns(listed, CONCURRENCY, async ({ group, state, protocol }) => {
      const hasMembers = protocol === 'classic' && state !== 'Empty' && state !== 'Dead';
      const [offsets, members] = await Promise.all([
        this.#admin.committedOffsets(group),
        hasMembers ? this.#admin.groupMembers(group) : [],
      ]);
      return {
        group,
        state: state ?? 'Unknown',
        protocol,
        members: protocol === 'classic' ? members.length : state === 'Empty' ? 0 : null,
        offsets: offsetsOf(offsets, members),
      };
    });
  }

  /** By topic; a topic that is gone has none. */
  async #ranges(topics: readonly string[]): Promise<ReadonlyMap<string, readonly PartitionRange[]>> {
    const answers = await inTurns(topics, CONCURRENCY, async (topic) => {
      try {
        return [topic, await this.#admin.ranges(topic)] as const;
      } catch (error) {
        if (error instanceof MessagingError && error.code === 'MSG_UNKNOWN_TOPIC') return [topic, []] as const;
        throw error;
      }
    });
    return new Map(answers);
  }

  async #withNext(groups: readonly GroupSample[], signal: AbortSignal): Promise<readonly GroupSample[]> {
    const behind = groups.flatMap(({ partitions }) => partitions.filter((each) => (lagOf(each) ?? 0) > 0));
    const found = new Map<PartitionSample, PartitionSample['next']>();
    await inTurns(behind, CONCURRENCY, async (each) => {
      found.set(each, await this.#next.of(each, signal));
    });
    this.#next.keepOnly(behind);
    return groups.map((group) => ({
      ...group,
      partitions: group.partitions.map((each) => (found.has(each) ? { ...each, next: found.get(each) } : each)),
    }));
  }
}

/** What was committed, with whoever reads it, and what is read and was never committed. */
function offsetsOf(
  committed: Awaited<ReturnType<LogAdmin['committedOffsets']>>,
  members: readonly GroupMember[],
): TrackedOffsets['offsets'] {
  const byPlace = new Map<string, TrackedOffsets['offsets'][number]>();
  for (const each of committed) byPlace.set(`${each.topic}/${each.partition}`, { ...each, member: null });
  for (const { memberId, clientId, host, partitions } of members) {
    for (const { topic, partition } of partitions) {
      const known = byPlace.get(`${topic}/${partition}`)?.committed ?? null;
      byPlace.set(`${topic}/${partition}`, {
        topic,
        partition,
        committed: known,
        member: { memberId, clientId, host },
      });
    }
  }
  return [...byPlace.values()];
}

function place(group: TrackedOffsets, ranges: ReadonlyMap<string, readonly PartitionRange[]>): GroupSample {
  const { offsets, ...rest } = group;
  const partitions = offsets
    .map(({ topic, partition, committed, member }): PartitionSample => {
      const range = ranges.get(topic)?.find((each) => each.partition === partition);
      return {
        topic,
        partition,
        committed,
        start: range?.start ?? null,
        end: range?.end ?? null,
        next: undefined,
        member,
      };
    })
    .sort((left, right) => compare(left.topic, right.topic) || left.partition - right.partition);
  return { ...rest, partitions };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
