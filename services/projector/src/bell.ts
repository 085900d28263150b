/** Wakes one waiter. A ring that nobody waited for is kept for the next. */
export class Bell {
  #rung = false;
  #wakeUp: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wakeUp?.();
    this.#wakeUp = null;
  }

  /** Resolves at the first ring since the last time it resolved, or after `timeoutMs`. One caller at a time. */
  async heard(timeoutMs: number | null = null): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === null ? undefined : setTimeout(resolve, timeoutMs);
        this.#wakeUp = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rung = false;
  }
}
