const TICK_MS = 10;
const ALLOWED_MS = 500;
/** A deadline is kept in a few steps, at either end, and each waits for a processor. */
const STEPS = 10;

/** How late a busy machine wakes this process: what a deadline cannot be kept without, and is nobody's defect. */
export class Lateness implements Disposable {
  readonly #timer = setInterval(() => this.#note(), TICK_MS);
  #wokenMs = performance.now();
  #latestMs = 0;

  /** What is to be added to a deadline that was kept since this was made, milliseconds. */
  get slackMs(): number {
    this.#note();
    return ALLOWED_MS + STEPS * this.#latestMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #note(): void {
    const nowMs = performance.now();
    this.#latestMs = Math.max(this.#latestMs, nowMs - this.#wokenMs - TICK_MS);
    this.#wokenMs = nowMs;
  }
}
