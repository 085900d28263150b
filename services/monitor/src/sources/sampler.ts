import { type Closeable, errorOf, sleep } from '@tradestream/runtime';
import type { StallWatch } from './stall-watch.ts';

/** One answer of a source, and when it was complete. */
export type Reading<T> = { readonly value: T; readonly atMs: number };

export type SamplerOptions<T> = {
  readonly name: string;
  readonly intervalMs: number;
  /** For a source that is given a time to answer in; without it each failure is told. */
  readonly stall?: Pick<StallWatch, 'hasStalledSince'>;
  /** Failures in a row that are laid to the monitor's own standing still; then they are the source's. */
  readonly doubtsMax?: number;
  /** Bounded by its own timeouts; called again only after it has ended. */
  readonly sample: (signal: AbortSignal) => Promise<T>;
  /** A failure is told once a try, but for one while the monitor stood still; the last good reading stays. */
  readonly onReading: (reading: Reading<T>) => void;
  readonly onFailure: (error: Error) => void;
};

const DOUBTS_MAX = 3;

/**
 * Asks one source at an interval, one call at a time. Sources do not wait for each other: one that
 * hangs leaves the others as fresh as they are.
 */
export class Sampler<T> implements Closeable {
  readonly #options: SamplerOptions<T>;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: SamplerOptions<T>) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the monitor is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { intervalMs, sample, stall, doubtsMax = DOUBTS_MAX, onReading, onFailure } = this.#options;
    const { signal } = this.#stopping;
    let doubts = 0;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const startedMs = performance.now();
      try {
        const value = await sample(signal);
        doubts = 0;
        if (!signal.aborted) onReading({ value, atMs: Date.now() });
      } catch (error) {
        doubts = stall?.hasStalledSince(startedMs) === true ? doubts + 1 : doubtsMax + 1;
        if (!signal.aborted && doubts > doubtsMax) onFailure(errorOf(error));
      }
      // All begin at once; from the second time on they are spread over the interval, so that their work
      // is no burst that others on the machine wait for.
      const share = isFirst ? 0.5 + Math.random() / 2 : 1;
      const pauseMs = Math.max(intervalMs / 4, intervalMs * share - (performance.now() - startedMs));
      await sleep(pauseMs, signal).catch(() => undefined); // ended by close
    }
  }
}
