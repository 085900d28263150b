import type { Balance } from '@tradestream/trading';

const FIRST_COUNT = 64;
/** Words of an amount; an amount has at most 128 bits. */
const WORDS = 2;
const LOW_MAX = 2n ** 64n - 1n;

/**
 * Balances of one asset by user, as numbers in columns. A hundred thousand balances as objects are a
 * million things for the garbage collector to look at, again and again; columns are three. Each slot
 * also holds where the present batch has the balance as an object.
 */
export class BalanceTable {
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  #count = 0;
  #available = new BigUint64Array(FIRST_COUNT * WORDS);
  #held = new BigUint64Array(FIRST_COUNT * WORDS);
  #versions = new Float64Array(FIRST_COUNT);
  #marks = new Int32Array(FIRST_COUNT);
  #places = new Int32Array(FIRST_COUNT);

  get size(): number {
    return this.#slots.size;
  }

  /** -1 when the user has none here. */
  slotOf(userId: string): number {
    return this.#slots.get(userId) ?? -1;
  }

  read(slot: number, userId: string, asset: string): Balance {
    return {
      userId,
      asset,
      available: amountAt(this.#available, slot),
      held: amountAt(this.#held, slot),
      version: this.#versions[slot] ?? 0,
    };
  }

  /** Keeps a balance under its user; no batch has it as an object then. Returns its slot. */
  write({ userId, available, held, version }: Balance): number {
    let slot = this.slotOf(userId);
    if (slot < 0) {
      slot = this.#free.pop() ?? this.#grow();
      this.#slots.set(userId, slot);
    }
    this.writeAt(slot, available, held, version);
    return slot;
  }

  /** The same for a user whose slot is known. */
  writeAt(slot: number, available: bigint, held: bigint, version: number): void {
    setAmount(this.#available, slot, available);
    setAmount(this.#held, slot, held);
    this.#versions[slot] = version;
    this.#marks[slot] = 0;
  }

  /** Where the batch with this mark has the balance as an object; -1 when it has not. */
  placeIn(mark: number, slot: number): number {
    return this.#marks[slot] === mark ? (this.#places[slot] ?? -1) : -1;
  }

  setPlace(mark: number, slot: number, place: number): void {
    this.#marks[slot] = mark;
    this.#places[slot] = place;
  }

  delete(userId: string): void {
    const slot = this.slotOf(userId);
    if (slot < 0) return;
    this.#slots.delete(userId);
    this.#marks[slot] = 0;
    this.#free.push(slot);
  }

  #grow(): number {
    const slot = this.#count;
    this.#count += 1;
    if (slot < this.#versions.length) return slot;
    const length = this.#versions.length * 2;
    this.#available = copied(new BigUint64Array(length * WORDS), this.#available);
    this.#held = copied(new BigUint64Array(length * WORDS), this.#held);
    this.#versions = copied(new Float64Array(length), this.#versions);
    this.#marks = copied(new Int32Array(length), this.#marks);
    this.#places = copied(new Int32Array(length), this.#places);
    return slot;
  }
}

function amountAt(column: BigUint64Array, slot: number): bigint {
  const low = column[slot * WORDS] ?? 0n;
  const high = column[slot * WORDS + 1] ?? 0n;
  return high === 0n ? low : (high << 64n) | low;
}

/** Amounts are never negative. */
function setAmount(column: BigUint64Array, slot: number, amount: bigint): void {
  column[slot * WORDS] = amount;
  column[slot * WORDS + 1] = amount > LOW_MAX ? amount >> 64n : 0n;
}

function copied<Column extends { set(from: Column): void }>(to: Column, from: Column): Column {
  to.set(from);
  return to;
}
