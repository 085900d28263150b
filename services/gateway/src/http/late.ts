import { type Closeable, errorOf, type Logger, type Readiness, sleep } from '@tradestream/runtime';
import { unavailable } from './problems.ts';

export type LateOptions<T> = {
  /** Its name in readiness and in the answer while it is missing: `broker`, `registry`, `database`. */
  readonly part: string;
  readonly code: string;
  readonly open: (signal: AbortSignal) => Promise<T>;
  readonly readiness: Readiness;
  readonly log: Logger;
};

const PAUSE_MS = { first: 100, most: 3_000 } as const;

/**
 * Something the service needs and that may not be there when it starts. It is opened in the
 * background, for ever, and until then whoever needs it gets a 503 that names it.
 */
export class Late<T extends Closeable> implements Closeable {
  readonly #options: LateOptions<T>;
  readonly #stopping = new AbortController();
  readonly #opening: Promise<void>;
  #opened: T | null = null;

  constructor(options: LateOptions<T>) {
    this.#options = options;
    options.readiness.set(options.part, false, 'connecting');
    this.#opening = this.#open();
  }

  /** @throws {HttpProblem} 503 with this part's code while it is not there. */
  get(): T {
    if (this.#opened !== null) return this.#opened;
    throw unavailable(this.#options.code, `waiting for the ${this.#options.part}`);
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the service is stopping'));
    await this.#opening;
    const opened = this.#opened;
    this.#opened = null;
    await opened?.close();
  }

  async #open(): Promise<void> {
    const { part, open, readiness, log } = this.#options;
    const { signal } = this.#stopping;
    for (let pauseMs: number = PAUSE_MS.first; !signal.aborted; pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2)) {
      try {
        this.#opened = await open(signal);
        readiness.set(part, true);
        log.info({ part }, 'dependency_connected');
        return;
      } catch (error) {
        if (signal.aborted) return;
        readiness.set(part, false, errorOf(error).message);
        log.warn({ error: errorOf(error), part, pauseMs }, 'dependency_missing');
        await sleep(pauseMs, signal).catch(() => undefined);
      }
    }
  }
}
