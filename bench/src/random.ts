/** A seeded generator (mulberry32): the same seed gives the same load, everywhere. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
}

/** Draws ranks with Zipf's law by its cumulative table; exponent 0 is uniform. */
export class RankDraw {
  readonly #random: SeededRandom;
  readonly #cumulative: Float64Array;

  constructor(random: SeededRandom, options: { readonly count: number; readonly exponent: number }) {
    this.#random = random;
    this.#cumulative = new Float64Array(options.count);
    let sum = 0;
    for (let rank = 0; rank < options.count; rank += 1) {
      sum += (rank + 1) ** -options.exponent;
      this.#cumulative[rank] = sum;
    }
  }

  next(): number {
    const table = this.#cumulative;
    const target = this.#random.next() * (table.at(-1) ?? 0);
    let low = 0;
    let high = table.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((table[middle] ?? 0) <= target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
