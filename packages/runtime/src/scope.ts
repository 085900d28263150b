/** Whatever holds a resource. `close` is idempotent and waits for work in flight. */
export interface Closeable {
  close(): Promise<void>;
}

/**
 * Owns resources and gives them back in reverse order of taking. One that fails to close does not
 * keep the others from it; the first failure is thrown at the end.
 */
export class Scope implements Closeable {
  readonly #releasers: { readonly name: string; readonly release: () => Promise<void> | void }[] = [];
  #closing: Promise<void> | null = null;

  use<T extends Closeable>(resource: T): T {
    this.defer(resource.constructor.name, () => resource.close());
    return resource;
  }

  defer(name: string, release: () => Promise<void> | void): void {
    this.#releasers.push({ name, release });
  }

  close(): Promise<void> {
    this.#closing ??= this.#releaseAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #releaseAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let next = this.#releasers.pop(); next !== undefined; next = this.#releasers.pop()) {
      try {
        await next.release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
