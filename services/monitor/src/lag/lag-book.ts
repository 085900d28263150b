import type { LagAnswer, LagGroup, LagPartition, LagState } from '@tradestream/answers';
import type { Reading } from '../sources/sampler.ts';
import { judgePartition, type Standing, worstOf } from './judge-partition.ts';
import { type GroupSample, lagOf, lagSecondsOf, lostOf, type PartitionSample } from './lag-sample.ts';
import type { LogSample } from './sample-log.ts';

export type LagBookOptions = {
  readonly windowSamples: number;
  /** How long a topic keeps a record, ms; null: for ever, or not known. */
  readonly retentionMs: (topic: string) => number | null;
};

/** Keeps a window of readings of every partition and judges it; what is gone from a reading is forgotten. */
export class LagBook {
  readonly #options: LagBookOptions;
  #windows = new Map<string, readonly Standing[]>();

  constructor(options: LagBookOptions) {
    this.#options = options;
  }

  /** Takes a reading in and answers with the verdicts as of it. */
  take({ value, atMs }: Reading<LogSample>): LagAnswer {
    const windows = new Map<string, readonly Standing[]>();
    const groupsOf = (samples: readonly GroupSample[], kind: string) =>
      samples.map((group) => this.#group({ group, kind, atMs, windows }));
    const answer = {
      sampledAt: new Date(atMs).toISOString(),
      groups: groupsOf(value.groups, 'group'),
      database: groupsOf(value.database, 'database'),
    };
    this.#windows = windows;
    return answer;
  }

  #group(options: {
    readonly group: GroupSample;
    readonly kind: string;
    readonly atMs: number;
    readonly windows: Map<string, readonly Standing[]>;
  }): LagGroup {
    const { group, kind, atMs, windows } = options;
    const hasReader = group.members === null ? null : group.members > 0;
    const partitions = group.partitions.map((sample) => {
      const key = `${kind}/${group.group}/${sample.topic}/${sample.partition}`;
      const standing = { committed: sample.committed, lag: lagOf(sample), hasReader };
      const window = [...(this.#windows.get(key) ?? []), standing].slice(-this.#options.windowSamples);
      windows.set(key, window);
      return this.#partition(sample, atMs, judgePartition(window, this.#options.windowSamples));
    });
    return {
      group: group.group,
      state: group.state,
      protocol: group.protocol,
      members: group.members,
      verdict: worstOf(partitions.map(({ state }) => state)),
      totalLag: sumOf(partitions.map(({ lag }) => lag)),
      maxLagSeconds: maxOf(partitions.map(({ lagSeconds }) => lagSeconds)),
      partitions,
    };
  }

  #partition(sample: PartitionSample, atMs: number, state: LagState): LagPartition {
    const { topic, partition, committed, start, end, next, member } = sample;
    const retentionMs = this.#options.retentionMs(topic);
    const untilLossMs =
      retentionMs === null || next === null || next === undefined ? null : next.timestampMs + retentionMs - atMs;
    return {
      topic,
      partition,
      committed,
      start,
      end,
      lag: lagOf(sample),
      lagSeconds: rounded(lagSecondsOf(sample, atMs)),
      state,
      lost: lostOf(sample),
      secondsUntilLoss: untilLossMs === null ? null : rounded(Math.max(0, untilLossMs / 1_000)),
      memberId: member?.memberId ?? null,
      clientId: member?.clientId ?? null,
      host: member?.host ?? null,
    };
  }
}

/** Of what is known; null when nothing is. */
function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

function maxOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function rounded(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1_000) / 1_000;
}
