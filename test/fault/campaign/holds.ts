import type { Hold } from '../drivers/driver.ts';

/** Lets one at a time have each thing. Things are taken in one order, so that no two wait for each other. */
export class Holds {
  readonly #last = new Map<Hold, Promise<void>>();

  async during<T>(holds: readonly Hold[], work: () => Promise<T>): Promise<T> {
    const done = Promise.withResolvers<void>();
    const before: Promise<void>[] = [];
    // All at once, before anything is awaited: the order of arrival is the order for each thing.
    for (const hold of holds) {
      before.push(this.#last.get(hold) ?? Promise.resolve());
      this.#last.set(hold, done.promise);
    }
    await Promise.all(before);
    try {
      return await work();
    } finally {
      done.resolve();
    }
  }
}
