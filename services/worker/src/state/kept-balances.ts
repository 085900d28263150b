import type { Balance } from '@tradestream/trading';
import { BalanceTable } from './balance-table.ts';

/** A slot of the young generation, for as long as nothing has changed. */
export type Spot = { readonly slot: number; readonly changes: number };

/**
 * Balances of one asset, bounded by two generations like a `GenerationMap`: what was not asked for
 * while a whole generation filled up is forgotten. A batch looks each user up once: among a hundred
 * thousand that is what a command costs most of its time in.
 */
export class KeptBalances {
  readonly #asset: string;
  readonly #entriesMax: number;
  #young = new BalanceTable();
  #old = new BalanceTable();
  /** How often the generations have changed, and users were forgotten: a slot of before means nothing. */
  #changes = 0;
  /** The slot of the user looked up last. */
  #user: string | null = null;
  #slot = -1;

  constructor(asset: string, entriesMax: number) {
    this.#asset = asset;
    this.#entriesMax = entriesMax;
  }

  /** Where the batch with this mark has the user's balance; -1 when it has not. */
  placeIn(mark: number, userId: string): number {
    const slot = this.#lookUp(userId);
    if (slot >= 0) return this.#young.placeIn(mark, slot);
    const old = this.#old.slotOf(userId);
    return old < 0 ? -1 : this.#old.placeIn(mark, old);
  }

  /** The kept balance, which the batch with this mark then has at `place`. */
  take(mark: number, userId: string, place: number): Balance | undefined {
    const slot = userId === this.#user ? this.#slot : this.#lookUp(userId);
    if (slot >= 0) {
      this.#young.setPlace(mark, slot, place);
      return this.#young.read(slot, userId, this.#asset);
    }
    const old = this.#old.slotOf(userId);
    if (old < 0) return undefined;
    const balance = this.#old.read(old, userId, this.#asset);
    this.#young.setPlace(mark, this.#write(balance), place);
    return balance;
  }

  /** Where the balance taken last is, together with `changes`. */
  get slot(): number {
    return this.#slot;
  }

  get changes(): number {
    return this.#changes;
  }

  set(balance: Balance): void {
    this.#write(balance);
  }

  /** Sets a balance that was taken at this spot. */
  setAt({ slot, changes }: Spot, balance: Balance): void {
    if (changes !== this.#changes) this.#write(balance);
    else this.#young.writeAt(slot, balance.available, balance.held, balance.version);
  }

  delete(userId: string): void {
    this.#forgetSlots();
    this.#young.delete(userId);
    this.#old.delete(userId);
  }

  #write(balance: Balance): number {
    if (this.#young.used >= this.#entriesMax && this.#young.slotOf(balance.userId) < 0) {
      this.#old = this.#young;
      this.#young = new BalanceTable();
      this.#forgetSlots();
    }
    this.#user = balance.userId;
    this.#slot = this.#young.write(balance);
    return this.#slot;
  }

  #lookUp(userId: string): number {
    this.#user = userId;
    this.#slot = this.#young.slotOf(userId);
    return this.#slot;
  }

  #forgetSlots(): void {
    this.#changes += 1;
    this.#user = null;
    this.#slot = -1;
  }
}
