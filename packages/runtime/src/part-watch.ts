import { errorOf } from './app-error.ts';
import type { Logger } from './log.ts';
import type { Readiness } from './readiness.ts';
import type { Closeable } from './scope.ts';
import { sleep, waitFor } from './wait.ts';

export type PartWatchOptions = {
  /** Its name in readiness. */
  readonly part: string;
  /** Throws what is wrong with it. */
  readonly check: () => Promise<void>;
  /** False: the service does its work without it, and readiness says so. */
  readonly isNeeded?: boolean;
  /** Between two looks, ms; default 2,000. */
  readonly everyMs?: number;
  readonly readiness: Readiness;
  readonly log: Logger;
};

const EVERY_MS = 2_000;
const ANSWER_MS = 5_000;

/**
 * Asks a part that has just answered, or is not needed, again and again whether it is there, so that readiness
 * tells of an outage that no request has met, and of its end when no requests come because of it.
 */
export class PartWatch implements Closeable {
  readonly #options: PartWatchOptions;
  readonly #stopping = new AbortController();
  readonly #watching: Promise<void>;
  #isThere = true;

  constructor(options: PartWatchOptions) {
    this.#options = options;
    if (options.isNeeded === false) this.#tell(false, 'not asked yet');
    else this.#tell(true);
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the watch is closed'));
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { isNeeded = true, everyMs = EVERY_MS } = this.#options;
    const { signal } = this.#stopping;
    // What has just answered need not be asked at once.
    let isDue = !isNeeded;
    while (!signal.aborted) {
      if (isDue) await this.#look(signal);
      isDue = true;
      await sleep(everyMs, signal).catch(() => undefined); // ended by close
    }
  }

  #tell(isThere: boolean, detail = ''): void {
    const { part, readiness, isNeeded = true } = this.#options;
    if (isNeeded) readiness.set(part, isThere, detail);
    else readiness.setOptional(part, isThere, detail);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { part, check, log } = this.#options;
    try {
      await waitFor(check(), { timeoutMs: ANSWER_MS, signal, stage: `ask the ${part}` });
      this.#tell(true);
      if (!this.#isThere) log.info({ part }, 'dependency_back');
      this.#isThere = true;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = errorOf(thrown);
      this.#tell(false, error.message);
      if (this.#isThere) log.warn({ error, part }, 'dependency_lost');
      this.#isThere = false;
    }
  }
}
