type Kept<T> = { readonly value: T; readonly untilMs: number };

const KEPT_MAX = 1_000;

/** Values by key for a time; the one not asked for the longest gives way. */
export class KeptAnalyses<T> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #keepMs: number;
  readonly #now: () => number;

  constructor(keepMs: number, now: () => number) {
    this.#keepMs = keepMs;
    this.#now = now;
  }

  get(key: string): T | null {
    const found = this.#kept.get(key);
    if (found === undefined) return null;
    this.#kept.delete(key);
    if (found.untilMs <= this.#now()) return null;
    this.#kept.set(key, found);
    return found.value;
  }

  set(key: string, value: T): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, { value, untilMs: this.#now() + this.#keepMs });
  }

  clear(): void {
    this.#kept.clear();
  }
}
