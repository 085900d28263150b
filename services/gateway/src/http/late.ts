import { type Closeable, type Logger, type Readiness, retry } from '@tradestream/runtime';
import { unavailable } from './problems.ts';

export type LateOptions<T> = {
  /** Its name in readiness and in the answer while it is missing: `broker`, `registry`, `database`. */
  readonly part: string;
  readonly code: string;
  /**
   * May fail with an AppError of any class; anything else is a bug, and ends the process. What it opens tells of
   * its readiness itself from then on.
   */
  readonly open: (signal: AbortSignal) => Promise<T>;
  readonly readiness: Readiness;
  readonly log: Logger;
};

const PAUSES = { initialMs: 100, maxMs: 3_000 } as const;

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
    try {
      this.#opened = await retry(() => open(signal), {
        classes: ['now', 'later', 'settle', 'never'],
        policy: PAUSES,
        signal,
        onRetry: (error, _attempt, pauseMs) => {
          readiness.set(part, false, error.message);
          log.warn({ error, part, pauseMs: Math.round(pauseMs) }, 'dependency_missing');
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    log.info({ part }, 'dependency_connected');
  }
}
