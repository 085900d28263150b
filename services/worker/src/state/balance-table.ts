import type { Balance } from '@tradestream/trading';
import { AmountColumn, copied } from './columns.ts';
import { IdIndex } from './id-index.ts';

const FIRST_COUNT = 64;
/** In place of the version of a balance that was deleted. */
const DELETED = -1;

/**
 * Balances of one asset by user, as numbers in columns. A hundred thousand balances as objects are a
 * million things for the garbage collector to look at, again and again; columns are three. Each slot
 * also holds where the present batch has the balance as an object.
 */
export class BalanceTable {
  /** A user's number is the slot. */
  readonly #users = new IdIndex();
  readonly #available = new AmountColumn(FIRST_COUNT);
  readonly #held = new AmountColumn(FIRST_COUNT);
  #versions = new Float64Array(FIRST_COUNT);
  #marks = new Int32Array(FIRST_COUNT);
  #places = new Int32Array(FIRST_COUNT);

  /** Slots in use, those of deleted balances included. */
  get used(): number {
    return this.#users.count;
  }

  /** -1 when the user has none here. */
  slotOf(userId: string): number {
    const slot = this.#users.find(userId);
    return slot >= 0 && this.#versions[slot] === DELETED ? -1 : slot;
  }

  read(slot: number, userId: string, asset: string): Balance {
    return {
      userId,
      asset,
      available: this.#available.at(slot),
      held: this.#held.at(slot),
      version: this.#versions[slot] ?? 0,
    };
  }

  /** Keeps a balance under its user; no batch has it as an object then. Returns its slot. */
  write({ userId, available, held, version }: Balance): number {
    let slot = this.#users.find(userId);
    if (slot < 0) {
      slot = this.#users.add(userId);
      if (slot === this.#versions.length) this.#grow();
    }
    this.writeAt(slot, available, held, version);
    return slot;
  }

  /** The same for a user whose slot is known. */
  writeAt(slot: number, available: bigint, held: bigint, version: number): void {
    this.#available.set(slot, available);
    this.#held.set(slot, held);
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
    this.#versions[slot] = DELETED;
    this.#marks[slot] = 0;
  }

  #grow(): void {
    const length = this.#versions.length * 2;
    this.#available.grow(length);
    this.#held.grow(length);
    this.#versions = copied(new Float64Array(length), this.#versions);
    this.#marks = copied(new Int32Array(length), this.#marks);
    this.#places = copied(new Int32Array(length), this.#places);
  }
}
