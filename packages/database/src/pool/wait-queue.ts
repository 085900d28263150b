import type { Lent } from './lent.ts';

export type Waiter = {
  readonly sinceMs: number;
  give(lent: Lent): void;
  refuse(error: Error): void;
};

/** Callers in the order of their calls; any of them may leave. */
export class WaitQueue {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  next(): Waiter | null {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      return waiter;
    }
    return null;
  }

  refuseAll(error: (waiter: Waiter) => Error): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.refuse(error(waiter));
    }
  }
}
