import { randomFillSync } from 'node:crypto';
import { invariant } from '@tradestream/runtime';
import { type KnownReceipt, loadId, ReceiptTable } from './receipt-table.ts';

/**
 * Receipts of lately seen command ids, bounded by two generations like a `GenerationMap`. Nearly
 * every command asks, and nearly none is here: a miss looks at two words of memory and makes nothing.
 */
export class KeptReceipts {
  readonly #entriesMax: number;
  #young: ReceiptTable;
  #old: ReceiptTable;

  /** At most `entriesMax` receipts are held in each generation. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
    // Of this process alone: nobody can choose ids that all meet in one place.
    const seeds = randomFillSync(new Uint32Array(4));
    this.#young = new ReceiptTable(entriesMax, seeds);
    this.#old = new ReceiptTable(entriesMax, seeds);
  }

  get(commandId: string): KnownReceipt | undefined {
    loadId(commandId);
    const young = this.#young.find();
    if (young >= 0) return this.#young.read(young, commandId);
    const old = this.#old.find();
    if (old < 0) return undefined;
    const receipt = this.#old.read(old, commandId);
    this.set(commandId, receipt);
    return receipt;
  }

  set(commandId: string, receipt: KnownReceipt): void {
    loadId(commandId);
    if (this.#young.used >= this.#entriesMax && this.#young.find() < 0) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    invariant(receipt.hash.length === 32, 'a payload hash has 32 bytes');
    this.#young.write(commandId, receipt);
  }

  delete(commandId: string): void {
    loadId(commandId);
    this.#young.delete(commandId);
    this.#old.delete(commandId);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
