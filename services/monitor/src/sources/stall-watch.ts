import type { Closeable } from '@tradestream/runtime';

const TICK_MS = 100;
const STALL_MS = 1_000;

/**
 * Whether this process itself stood still, for want of a processor. When it goes on, its timeouts end before
 * the answers that have come meanwhile are read: what failed then says nothing of who was asked.
 */
export class StallWatch implements Closeable {
  readonly #stallMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();
  #stalledMs = -Infinity;

  constructor({ tickMs = TICK_MS, stallMs = STALL_MS } = {}) {
    this.#stallMs = stallMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      if (nowMs - this.#lastMs > tickMs + stallMs) this.#stalledMs = nowMs;
      this.#lastMs = nowMs;
    }, tickMs);
    this.#timer.unref();
  }

  /** Of a moment of `performance.now()`. */
  hasStalledSince(ms: number): boolean {
    return this.#stalledMs >= ms || performance.now() - this.#lastMs > this.#stallMs;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }
}
