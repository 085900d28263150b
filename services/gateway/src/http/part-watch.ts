import { type Closeable, errorOf, type Logger, type Readiness, sleep, waitFor } from '@tradestream/runtime';

export type PartWatchOptions = {
  /** Its name in readiness. */
  readonly part: string;
  /** Throws what is wrong with it. */
  readonly check: () => Promise<void>;
  readonly readiness: Readiness;
  readonly log: Logger;
};

const EVERY_MS = 2_000;
const ANSWER_MS = 5_000;

/**
 * Asks a part again and again whether it is there, so that readiness tells of an outage that no
 * request has met, and of its end when no requests come because of it.
 */
export class PartWatch implements Closeable {
  readonly #options: PartWatchOptions;
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  #isThere = true;

  constructor(options: PartWatchOptions) {
    this.#options = options;
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the watch is closed'));
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(EVERY_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.#look(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { part, check, readiness, log } = this.#options;
    try {
      await waitFor(check(), { timeoutMs: ANSWER_MS, signal, stage: `ask the ${part}` });
      readiness.set(part, true);
      if (!this.#isThere) log.info({ part }, 'dependency_back');
      this.#isThere = true;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = errorOf(thrown);
      readiness.set(part, false, error.message);
      if (this.#isThere) log.warn({ error, part }, 'dependency_lost');
      this.#isThere = false;
    }
  }
}
