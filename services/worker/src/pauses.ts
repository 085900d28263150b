import { type AppError, nextPauseMs, type Readiness, sleep } from '@tradestream/runtime';

const SOON = { initialMs: 5, maxMs: 100 } as const;
const LATER = { initialMs: 200, maxMs: 5_000 } as const;

/**
 * The pauses between tries of whatever a worker is at: short while the deadline lasts, for what a
 * second try mends, then longer and longer. While they are long, readiness says why.
 */
export class Pauses {
  readonly #readiness: Readiness;
  readonly #retryDeadlineMs: number;
  readonly #signal: AbortSignal;
  #sinceMs: number | null = null;
  #lastMs = 0;

  constructor(options: {
    readonly readiness: Readiness;
    readonly retryDeadlineMs: number;
    readonly signal: AbortSignal;
  }) {
    this.#readiness = options.readiness;
    this.#retryDeadlineMs = options.retryDeadlineMs;
    this.#signal = options.signal;
  }

  /**
   * Rests after a failure; `soon` for one that a second try mends.
   * @throws {RuntimeError} RT_ABORTED
   */
  async rest(cause: AppError, soon: boolean): Promise<void> {
    this.#sinceMs ??= performance.now();
    const inTime = soon && performance.now() - this.#sinceMs < this.#retryDeadlineMs;
    this.#lastMs = nextPauseMs(inTime ? SOON : LATER, this.#lastMs);
    if (!inTime) this.#readiness.set('applying', false, cause.message);
    await sleep(this.#lastMs, this.#signal);
  }

  /** Something went well: the next pause is short again. */
  over(): void {
    this.#sinceMs = null;
    this.#lastMs = 0;
    this.#readiness.set('applying', true);
  }
}
