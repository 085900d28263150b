import type { Balance, MutableState, Order } from '@tradestream/trading';

/** State in memory that remembers what was touched since it was last asked: the rows of a batch. */
export class RowState implements MutableState {
  readonly #balances = new Map<string, Map<string, Balance>>();
  readonly #orders = new Map<string, Order>();
  readonly #trades = new Set<string>();
  readonly #written = new Map<string, Balance>();
  readonly #made = new Map<string, Order>();
  readonly #changed = new Map<string, Order>();

  balance(userId: string, asset: string): Balance {
    return this.#balances.get(asset)?.get(userId) ?? { userId, asset, available: 0n, held: 0n, version: 0 };
  }

  order(orderId: string): Order | undefined {
    return this.#orders.get(orderId);
  }

  hasTrade(symbol: string, tradeId: string): boolean {
    return this.#trades.has(`${symbol}/${tradeId}`);
  }

  setBalance(balance: Balance): void {
    let ofAsset = this.#balances.get(balance.asset);
    if (ofAsset === undefined) {
      ofAsset = new Map();
      this.#balances.set(balance.asset, ofAsset);
    }
    ofAsset.set(balance.userId, balance);
    this.#written.set(`${balance.userId} ${balance.asset}`, balance);
  }

  setOrder(order: Order): void {
    const { orderId } = order;
    if (!this.#orders.has(orderId) || this.#made.has(orderId)) this.#made.set(orderId, order);
    else this.#changed.set(orderId, order);
    this.#orders.set(orderId, order);
  }

  addTrade(symbol: string, tradeId: string): void {
    this.#trades.add(`${symbol}/${tradeId}`);
  }

  /** Final values of what was touched since the last call, sorted by key. */
  takeTouched(): {
    readonly balances: readonly Balance[];
    readonly made: readonly Order[];
    readonly changed: readonly Order[];
  } {
    const byKey = <T>(map: Map<string, T>) =>
      [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
    const touched = { balances: byKey(this.#written), made: byKey(this.#made), changed: byKey(this.#changed) };
    this.#written.clear();
    this.#made.clear();
    this.#changed.clear();
    return touched;
  }

  /** What the tables must sum up to. */
  totals(): RowTotals {
    const totals = {
      balances: 0,
      orders: 0,
      trades: this.#trades.size,
      balanceVersions: 0,
      orderVersions: 0,
      available: 0n,
      held: 0n,
    };
    for (const ofAsset of this.#balances.values()) {
      for (const { available, held, version } of ofAsset.values()) {
        totals.balances += 1;
        totals.balanceVersions += version;
        totals.available += available;
        totals.held += held;
      }
    }
    for (const { version } of this.#orders.values()) {
      totals.orders += 1;
      totals.orderVersions += version;
    }
    return totals;
  }
}

export type RowTotals = {
  readonly balances: number;
  readonly orders: number;
  readonly trades: number;
  readonly balanceVersions: number;
  readonly orderVersions: number;
  readonly available: bigint;
  readonly held: bigint;
};
