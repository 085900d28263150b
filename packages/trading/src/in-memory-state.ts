import type { Balance, MutableState, Order } from './state.ts';

/** The whole state in memory: for specifications, simulation and dry runs. */
export class InMemoryState implements MutableState {
  readonly #balances = new Map<string, Balance>();
  readonly #orders = new Map<string, Order>();
  readonly #trades = new Set<string>();

  balance(userId: string, asset: string): Balance {
    return this.#balances.get(`${userId}/${asset}`) ?? { userId, asset, available: 0n, held: 0n, version: 0 };
  }

  order(orderId: string): Order | undefined {
    return this.#orders.get(orderId);
  }

  hasTrade(symbol: string, tradeId: string): boolean {
    return this.#trades.has(`${symbol}/${tradeId}`);
  }

  setBalance(balance: Balance): void {
    this.#balances.set(`${balance.userId}/${balance.asset}`, balance);
  }

  setOrder(order: Order): void {
    this.#orders.set(order.orderId, order);
  }

  addTrade(symbol: string, tradeId: string): void {
    this.#trades.add(`${symbol}/${tradeId}`);
  }

  balances(): Iterable<Balance> {
    return this.#balances.values();
  }

  orders(): Iterable<Order> {
    return this.#orders.values();
  }
}
