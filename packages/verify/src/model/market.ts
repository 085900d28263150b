import type { Balance, Order } from '@tradestream/trading';

/** A balance or order of the ledger as events tell it: after the newest one, and after the newest that a view has taken. */
export type Told<Value> = {
  now: Value;
  /** As the projection has it at its position; absent when none of its events is there yet. */
  shown: Shown<Value> | null;
  /** Tables in which the row was met, one bit each. */
  met: number;
};

export type Shown<Value> = {
  readonly value: Value;
  readonly firstVersion: number;
  /** Microseconds since the epoch; null: of an event that was removed, and not known. */
  readonly firstAt: number | null;
  readonly lastAt: number | null;
};

/** Of an event. */
export type Place = { readonly partition: number; readonly seq: number };

/** Everything that the events up to some place of the history have come to. Grows with what exists, not with the history. */
export class Market {
  readonly balances = new Map<string, Told<Balance>>();
  readonly orders = new Map<string, Told<Order>>();
  /** Where each trade was executed. */
  readonly trades = new Map<string, Place>();

  /** What the user has available of the asset. */
  available(userId: string, asset: string): bigint {
    return this.balances.get(balanceKey(userId, asset))?.now.available ?? 0n;
  }

  /** All that the user has of the asset. */
  owned(userId: string, asset: string): bigint {
    const balance = this.balances.get(balanceKey(userId, asset))?.now;
    return balance === undefined ? 0n : balance.available + balance.held;
  }

  order(orderId: string): Order | undefined {
    return this.orders.get(orderId)?.now;
  }

  hasTrade(symbol: string, tradeId: string): boolean {
    return this.trades.has(tradeKey(symbol, tradeId));
  }
}

/** No asset has a space. */
export function balanceKey(userId: string, asset: string): string {
  return `${asset} ${userId}`;
}

/** No trade id has a space. */
export function tradeKey(symbol: string, tradeId: string): string {
  return `${tradeId} ${symbol}`;
}
