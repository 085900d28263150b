import { type Closeable, errorOf, type Logger, sleep } from '@tradestream/runtime';

type Waiter<Value> = { readonly settle: (value: Value | null) => void; readonly sinceMs: number };

export type SharedPollOptions<Value> = {
  /** One look for all keys; those not there yet are left out of the answer. */
  readonly load: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
  /** Keys of one look; when more wait, they take turns. */
  readonly keysMax: number;
  readonly log: Logger;
};

const PAUSE_MS = { least: 3, most: 60, afterFailure: 250 } as const;

/**
 * Waits for rows to appear, for any number of waiters with one query at a time: each look asks for
 * all keys that are waited for. Nothing is asked while nobody waits. The pause between two looks
 * grows with the age of the youngest waiter, so that a fresh one is answered within milliseconds
 * and an hour of waiting for nothing costs a few queries a second.
 */
export class SharedPoll<Value> implements Closeable {
  readonly #options: SharedPollOptions<Value>;
  readonly #waiters = new Map<string, Set<Waiter<Value>>>();
  readonly #closing = new AbortController();
  #youngestMs = 0;
  #looking: Promise<void> | null = null;

  constructor(options: SharedPollOptions<Value>) {
    this.#options = options;
  }

  /** Keys that are waited for now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** The value once it is there; null when the time is over, the caller is gone or the poll closes. */
  wait(
    key: string,
    limits: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Value | null> {
    const { timeoutMs, signal } = limits;
    if (this.#closing.signal.aborted || signal?.aborted === true) return Promise.resolve(null);
    return new Promise((resolve) => {
      const settle = (value: Value | null) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
        this.#forget(key, waiter);
        resolve(value);
      };
      const leave = () => settle(null);
      const waiter: Waiter<Value> = { settle, sinceMs: performance.now() };
      const timer = setTimeout(leave, timeoutMs);
      signal?.addEventListener('abort', leave, { once: true });
      const others = this.#waiters.get(key);
      if (others === undefined) this.#waiters.set(key, new Set([waiter]));
      else others.add(waiter);
      this.#youngestMs = waiter.sinceMs;
      this.#looking ??= this.#look();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.settle(null);
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#closing.signal.aborted) {
      const failed = await this.#lookOnce();
      const ageMs = performance.now() - this.#youngestMs;
      const pauseMs = failed ? PAUSE_MS.afterFailure : Math.min(PAUSE_MS.most, Math.max(PAUSE_MS.least, ageMs / 8));
      await sleep(pauseMs, this.#closing.signal).catch(() => undefined);
    }
    // In the same turn as the last look at who waits: a later waiter begins anew.
    this.#looking = null;
  }

  async #lookOnce(): Promise<boolean> {
    const keys = this.#nextKeys();
    try {
      for (const [key, value] of await this.#options.load(keys)) {
        for (const waiter of this.#waiters.get(key) ?? []) waiter.settle(value);
      }
      return false;
    } catch (error) {
      this.#options.log.warn({ error: errorOf(error), keys: keys.length }, 'shared_poll_failed');
      return true;
    }
  }

  /** The keys that have waited longest since their last turn: a turn puts a key at the end. */
  #nextKeys(): readonly string[] {
    const keys: string[] = [];
    for (const key of this.#waiters.keys()) {
      if (keys.push(key) >= this.#options.keysMax) break;
    }
    if (keys.length < this.#waiters.size) {
      for (const key of keys) {
        const waiters = this.#waiters.get(key);
        this.#waiters.delete(key);
        if (waiters !== undefined) this.#waiters.set(key, waiters);
      }
    }
    return keys;
  }

  #forget(key: string, waiter: Waiter<Value>): void {
    const waiters = this.#waiters.get(key);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(key);
  }
}
