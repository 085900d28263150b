/** Words of an amount; an amount has at most 128 bits. */
const WORDS = 2;
const LOW_MAX = 2n ** 64n - 1n;

/** Amounts by slot, none of them negative: as BigInts each would be an object of its own. */
export class AmountColumn {
  #words: BigUint64Array;

  constructor(length: number) {
    this.#words = new BigUint64Array(length * WORDS);
  }

  at(slot: number): bigint {
    const low = this.#words[slot * WORDS] ?? 0n;
    const high = this.#words[slot * WORDS + 1] ?? 0n;
    return high === 0n ? low : (high << 64n) | low;
  }

  set(slot: number, amount: bigint): void {
    this.#words[slot * WORDS] = amount;
    this.#words[slot * WORDS + 1] = amount > LOW_MAX ? amount >> 64n : 0n;
  }

  /** Makes room up to `length` slots, in which the first stay as they are. */
  grow(length: number): void {
    const larger = new BigUint64Array(length * WORDS);
    larger.set(this.#words);
    this.#words = larger;
  }
}

/** A column with the contents of a shorter one. */
export function copied<Column extends { set(from: Column): void }>(to: Column, from: Column): Column {
  to.set(from);
  return to;
}
