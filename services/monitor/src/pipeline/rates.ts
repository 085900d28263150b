type Seen = { readonly value: number; readonly atMs: number };

/** Rates of counters, per second, over the last few readings. A counter that went back began anew. */
export class Rates {
  readonly #readings: number;
  readonly #seen = new Map<string, readonly Seen[]>();

  constructor(readings: number) {
    this.#readings = readings;
  }

  /** Null until there are two readings. */
  perSecond(counter: string, value: number, atMs: number): number | null {
    const before = this.#seen.get(counter) ?? [];
    const last = before.at(-1);
    const kept = last !== undefined && value < last.value ? [] : before;
    const seen = [...kept, { value, atMs }].slice(-this.#readings);
    this.#seen.set(counter, seen);
    const [first] = seen;
    if (first === undefined || seen.length < 2 || atMs <= first.atMs) return null;
    return ((value - first.value) * 1_000) / (atMs - first.atMs);
  }
}
