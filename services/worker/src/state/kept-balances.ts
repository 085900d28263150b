import type { Balance } from '@tradestream/trading';
import { BalanceTable } from './balance-table.ts';

/**
 * Balances of one asset, bounded by two generations like a `GenerationMap`: what was not asked for
 * while a whole generation filled up is forgotten.
 */
export class KeptBalances {
  readonly #asset: string;
  readonly #entriesMax: number;
  #young = new BalanceTable();
  #old = new BalanceTable();

  constructor(asset: string, entriesMax: number) {
    this.#asset = asset;
    this.#entriesMax = entriesMax;
  }

  /** Where the batch with this mark has the user's balance; -1 when it has not. */
  placeIn(mark: number, userId: string): number {
    const slot = this.#young.slotOf(userId);
    if (slot >= 0) return this.#young.placeIn(mark, slot);
    const old = this.#old.slotOf(userId);
    return old < 0 ? -1 : this.#old.placeIn(mark, old);
  }

  /** The kept balance, which the batch with this mark then has at `place`. */
  take(mark: number, userId: string, place: number): Balance | undefined {
    const slot = this.#young.slotOf(userId);
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

  set(balance: Balance): void {
    this.#write(balance);
  }

  delete(userId: string): void {
    this.#young.delete(userId);
    this.#old.delete(userId);
  }

  #write(balance: Balance): number {
    if (this.#young.size >= this.#entriesMax && this.#young.slotOf(balance.userId) < 0) {
      this.#old = this.#young;
      this.#young = new BalanceTable();
    }
    return this.#young.write(balance);
  }
}
