import type { Closeable } from '@tradestream/runtime';

const TICK_MS = 100;
const STALL_MS = 1_000;
/** As far back as anybody asks, in ticks. */
const KEPT_TICKS = 300;
/** Fewer of the ticks that were due than this share: so little of a processor is no time to answer in. */
const STARVED_SHARE = 0.5;
/** Over a shorter time one late tick would decide, ms. */
const STARVED_MS_MIN = 1_000;

/**
 * Whether this process itself stood still, for want of a processor, or got too little of one. When it goes on, its
 * timeouts end before the answers that have come meanwhile are read: what failed then says nothing of who was asked.
 */
export class StallWatch implements Closeable {
  readonly #tickMs: number;
  readonly #stallMs: number;
  readonly #timer: NodeJS.Timeout;
  /** When the last ticks were, oldest first. */
  #ticks: number[] = [performance.now()];
  #stalledMs = -Infinity;

  constructor({ tickMs = TICK_MS, stallMs = STALL_MS } = {}) {
    this.#tickMs = tickMs;
    this.#stallMs = stallMs;
    this.#timer = setInterval(() => this.#tick(performance.now()), tickMs);
    this.#timer.unref();
  }

  /** Of a moment of `performance.now()`. */
  hasStalledSince(ms: number): boolean {
    const nowMs = performance.now();
    return this.#stalledMs >= ms || nowMs - this.#lastMs > this.#stallMs || this.#isStarved(ms, nowMs);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }

  get #lastMs(): number {
    return this.#ticks.at(-1) ?? -Infinity;
  }

  #tick(nowMs: number): void {
    if (nowMs - this.#lastMs > this.#tickMs + this.#stallMs) this.#stalledMs = nowMs;
    this.#ticks.push(nowMs);
    if (this.#ticks.length > 2 * KEPT_TICKS) this.#ticks = this.#ticks.slice(-KEPT_TICKS);
  }

  #isStarved(ms: number, nowMs: number): boolean {
    const sinceMs = Math.max(ms, nowMs - KEPT_TICKS * this.#tickMs);
    if (nowMs - sinceMs < STARVED_MS_MIN) return false;
    const ticks = this.#ticks.filter((each) => each >= sinceMs).length;
    return ticks * this.#tickMs < (nowMs - sinceMs) * STARVED_SHARE;
  }
}
