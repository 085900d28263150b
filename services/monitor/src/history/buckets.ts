/** A step that is over: when it began, its highest value and its mean. */
export type Point = { readonly atSeconds: number; readonly highest: number; readonly mean: number };

type Bucket = { readonly atSeconds: number; readonly highest: number; readonly sum: number; readonly count: number };

/** Gathers values into steps of a length, by key. */
export class Buckets {
  readonly #seconds: number;
  readonly #open = new Map<string, Bucket>();

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Answers with the step that this value ends. */
  add(key: string, value: number, nowMs: number): Point | null {
    const atSeconds = Math.floor(nowMs / 1_000 / this.#seconds) * this.#seconds;
    const open = this.#open.get(key);
    if (open?.atSeconds === atSeconds) {
      const { highest, sum, count } = open;
      this.#open.set(key, { atSeconds, highest: Math.max(highest, value), sum: sum + value, count: count + 1 });
      return null;
    }
    this.#open.set(key, { atSeconds, highest: value, sum: value, count: 1 });
    return open === undefined
      ? null
      : { atSeconds: open.atSeconds, highest: open.highest, mean: open.sum / open.count };
  }
}
