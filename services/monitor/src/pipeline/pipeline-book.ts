import type { LagAnswer, LagState, PipelineAnswer } from '@tradestream/answers';
import type { Topics } from '@tradestream/contracts';
import { judgePartition, type Standing, worstOf } from '../lag/judge-partition.ts';
import type { Probe } from '../sources/probes.ts';
import type { Reading } from '../sources/sampler.ts';
import { Rates } from './rates.ts';
import type { JobsSample } from './sample-jobs.ts';
import type { PipelineSample } from './sample-pipeline.ts';

const READINGS = 5;

type FromDatabase = Pick<PipelineAnswer, 'relay' | 'projections' | 'parked' | 'database' | 'reconciliation'> & {
  readonly applied: number | null;
  readonly deadlocks: number | null;
  readonly rollbacks: number | null;
  readonly parkedPerSecond: number | null;
  readonly jobs: JobsSample;
  readonly relayVerdict: LagState;
};

const NOTHING: FromDatabase = {
  relay: { lagEvents: null, lagSeconds: null },
  projections: [],
  parked: { records: null, keys: null, oldestSeconds: null, byReason: [] },
  database: {
    connections: null,
    connectionsMax: null,
    usagePercent: null,
    waitingForLocks: null,
    waitingForStandby: null,
    oldestTransactionSeconds: null,
    workers: null,
    projectors: null,
  },
  reconciliation: null,
  applied: null,
  deadlocks: null,
  rollbacks: null,
  parkedPerSecond: null,
  jobs: [],
  relayVerdict: 'OK',
};

/** The pipeline between the two topics, as the primary tells it, with what the log tells of its ends. */
export class PipelineBook {
  readonly #topics: Topics;
  readonly #windowSamples: number;
  readonly #rates = new Rates(READINGS);
  readonly #relayWindows = new Map<number, readonly Standing[]>();
  /** Since when the relay has had something to publish, by partition. */
  readonly #unpublishedSince = new Map<number, number>();
  #database: FromDatabase = NOTHING;
  #produced: number | null = null;
  #published: number | null = null;

  constructor(topics: Topics, windowSamples: number) {
    this.#topics = topics;
    this.#windowSamples = windowSamples;
  }

  get database(): FromDatabase {
    return this.#database;
  }

  get throughput(): PipelineAnswer['throughput'] {
    return { produced: this.#produced, applied: this.#database.applied, published: this.#published };
  }

  take({ value, atMs }: Reading<PipelineSample>): void {
    const { partitions, parked, parkedKeys, projections, deadlocks, rollbacks, connections, connectionsMax } = value;
    const parkedRecords = parked.reduce((sum, { count }) => sum + count, 0);
    const relayed = partitions.map((each) => this.#relay(each, atMs));
    this.#database = {
      relay: {
        lagEvents: partitions.reduce((sum, { eventSeq, publishedSeq }) => sum + eventSeq - publishedSeq, 0),
        lagSeconds: Math.max(0, ...relayed.map(({ seconds }) => seconds)),
      },
      relayVerdict: worstOf(relayed.map(({ verdict }) => verdict)),
      projections: projections.map(({ name, lagEvents }) => ({ name, lagEvents, sessions: value.projectors })),
      parked: {
        records: parkedRecords,
        keys: parkedKeys,
        oldestSeconds: Math.max(0, ...parked.map(({ oldestSeconds }) => oldestSeconds)),
        byReason: parked.map(({ reason, count, oldestSeconds }) => ({
          reason,
          count,
          oldestSeconds: Math.round(oldestSeconds),
        })),
      },
      database: {
        connections,
        connectionsMax,
        usagePercent: Math.round((connections * 1_000) / connectionsMax) / 10,
        waitingForLocks: value.waitingForLocks,
        waitingForStandby: value.waitingForStandby,
        oldestTransactionSeconds: Math.max(0, value.oldestTransactionSeconds),
        workers: value.workers,
        projectors: value.projectors,
      },
      reconciliation: value.reconciliation,
      applied: this.#rates.perSecond('applied', sumOf(partitions.map(({ nextOffset }) => nextOffset)), atMs),
      deadlocks: this.#rates.perSecond('deadlocks', deadlocks, atMs),
      rollbacks: this.#rates.perSecond('rollbacks', rollbacks, atMs),
      parkedPerSecond: this.#rates.perSecond('parked', parkedRecords, atMs),
      jobs: value.jobs,
    };
  }

  /** The primary does not answer: nothing of it is known, rather than what it said before. */
  forgetDatabase(): void {
    this.#database = NOTHING;
  }

  takeLag(ends: ReadonlyMap<string, number>, atMs: number): void {
    const rateOf = (topic: string) => {
      const end = ends.get(topic);
      return end === undefined ? null : this.#rates.perSecond(`end/${topic}`, end, atMs);
    };
    this.#produced = rateOf(this.#topics.commands);
    this.#published = rateOf(this.#topics.events);
  }

  #relay(
    { partition, eventSeq, publishedSeq }: PipelineSample['partitions'][number],
    atMs: number,
  ): { readonly seconds: number; readonly verdict: LagState } {
    const lag = eventSeq - publishedSeq;
    const standing = { committed: publishedSeq, lag, hasReader: true };
    const before = this.#relayWindows.get(partition) ?? [];
    const window = [...before, standing].slice(-this.#windowSamples);
    this.#relayWindows.set(partition, window);
    const hasMoved = before.at(-1)?.committed !== publishedSeq;
    if (lag === 0 || hasMoved) this.#unpublishedSince.set(partition, atMs);
    const sinceMs = this.#unpublishedSince.get(partition) ?? atMs;
    return { seconds: lag === 0 ? 0 : (atMs - sinceMs) / 1_000, verdict: judgePartition(window, this.#windowSamples) };
  }
}

/** The ends of topics, summed over their partitions, as the lag answer knows them. */
export function topicEnds({ groups, database }: LagAnswer): ReadonlyMap<string, number> {
  const ends = new Map<string, Map<number, number>>();
  for (const { partitions } of [...groups, ...database]) {
    for (const { topic, partition, end } of partitions) {
      if (end === null) continue;
      const known = ends.get(topic) ?? new Map<number, number>();
      ends.set(topic, known.set(partition, end));
    }
  }
  return new Map([...ends].map(([topic, byPartition]) => [topic, sumOf([...byPartition.values()])]));
}

/** A part that has not been asked yet. */
export const UNKNOWN_PROBE: Probe = { up: false, latencySeconds: null, detail: 'not asked yet' };

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
