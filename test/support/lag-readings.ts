import { setInterval as every } from 'node:timers/promises';
import type { LagAnswer, LagPartition, LagState } from '@tradestream/answers';
import { eventually } from './eventually.ts';
import type { MonitorProcess } from './monitor-process.ts';

/** A reading of a group with one partition. */
export type LagReading = { readonly atMs: number; readonly verdict: LagState; readonly partition: LagPartition };

const POLL_MS = 100;

/** Every reading of the log that a monitor has taken since, each once. */
export class LagReadings implements AsyncDisposable {
  readonly #answers: LagAnswer[] = [];
  readonly #stop = new AbortController();
  readonly #polling: Promise<void>;

  constructor(monitor: MonitorProcess) {
    this.#polling = this.#poll(monitor);
  }

  /** Of the group's first partition, oldest first. */
  of(group: string): readonly LagReading[] {
    return this.#answers.flatMap(({ sampledAt, groups }) => {
      const found = groups.find((each) => each.group === group);
      const [partition] = found?.partitions ?? [];
      if (found === undefined || partition === undefined) return [];
      return [{ atMs: Date.parse(sampledAt), verdict: found.verdict, partition }];
    });
  }

  /** Resolves with all readings of the group up to the first that is as `check` wants it. */
  async until(
    group: string,
    check: (reading: LagReading) => boolean,
    withinMs: number,
  ): Promise<readonly LagReading[]> {
    return await eventually(
      () => {
        const readings = this.of(group);
        const index = readings.findIndex(check);
        if (index < 0) throw new Error(`${group} is ${JSON.stringify(readings.at(-1))}`);
        return readings.slice(0, index + 1);
      },
      { withinMs },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#polling;
  }

  async #poll(monitor: MonitorProcess): Promise<void> {
    try {
      for await (const _ of every(POLL_MS, undefined, { signal: this.#stop.signal })) {
        // Before the first reading there is none to answer with.
        const answer = await monitor.get<LagAnswer>('/v1/lag').catch(() => null);
        if (answer !== null && answer.sampledAt !== this.#answers.at(-1)?.sampledAt) this.#answers.push(answer);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }
}
