import type { Balance, MutableState, Order } from '@tradestream/trading';
import { GenerationMap } from './generation-map.ts';

/** A value as the batch leaves it, beside the value that the batch found. */
export type Touched<Value> = {
  current: Value;
  /** The value before this batch; undefined where the batch made the row. */
  before: Value | undefined;
  /** Serial of the batch that touched it last. */
  mark: number;
};

export type BalanceTouched = Touched<Balance> & { before: Balance };

export type TouchedByBatch = {
  readonly balances: readonly BalanceTouched[];
  readonly orders: readonly Touched<Order>[];
  readonly trades: readonly { readonly symbol: string; readonly tradeId: string }[];
};

/**
 * Most orders are closed soon and then not asked for again; a trade is asked for again only by a
 * duplicate, which the unique index finds all the same. A batch's own must fit in any case.
 */
const ENTRIES_MIN = 50_000;
const ORDERS_SHARE = 8;
const TRADES_KEPT = 20_000;

/**
 * The state that commands are decided on: values kept from batch to batch, and a record of what
 * the present batch read or wrote. Kept values are guesses; the versions that go with each write
 * make them safe with several workers. A value that is not here is named in `missing`, and the batch
 * is decided again once it was loaded.
 */
export class WorkingState implements MutableState {
  readonly missingBalances = new Map<string, { readonly userId: string; readonly asset: string }>();
  readonly missingOrders = new Set<string>();
  /** Absences that a refusal may rest on, of the command being decided. */
  assumedOrder: string | null = null;
  assumedTrade: { readonly symbol: string; readonly tradeId: string } | null = null;
  /** Whether an unknown order may be taken for absent: only where its insert will prove it. */
  placing = false;

  readonly #assets = new Map<string, GenerationMap<string, BalanceTouched>>();
  readonly #orders: GenerationMap<string, Touched<Order>>;
  readonly #trades: GenerationMap<string, true>;
  readonly #entriesMax: number;
  #absentOrders = new Set<string>();
  #absentTrades = new Set<string>();
  #mark = 0;
  #balances: BalanceTouched[] = [];
  #touchedOrders: Touched<Order>[] = [];
  #newTrades: { readonly symbol: string; readonly tradeId: string }[] = [];

  constructor(options: { readonly entriesMax: number }) {
    this.#entriesMax = options.entriesMax;
    this.#orders = new GenerationMap(Math.max(ENTRIES_MIN, Math.floor(options.entriesMax / ORDERS_SHARE)));
    this.#trades = new GenerationMap(TRADES_KEPT);
  }

  /** Starts a batch on what the last one left. */
  begin(): void {
    this.#mark += 1;
    // What they were before is of use to their own batch alone, and would double what is kept.
    for (const entry of this.#balances) entry.before = entry.current;
    for (const entry of this.#touchedOrders) entry.before = entry.current;
    this.#balances = [];
    this.#touchedOrders = [];
    this.#newTrades = [];
    this.missingBalances.clear();
    this.missingOrders.clear();
  }

  /** What the batch read or wrote, each once. */
  touched(): TouchedByBatch {
    return { balances: this.#balances, orders: this.#touchedOrders, trades: this.#newTrades };
  }

  /** Takes the batch back, as if it had not been decided. */
  undo(): void {
    for (const entry of this.#balances) {
      entry.current = entry.before;
      entry.mark = 0;
    }
    for (const entry of this.#touchedOrders) {
      if (entry.before === undefined) this.#orders.delete(entry.current.orderId);
      else entry.current = entry.before;
      entry.mark = 0;
    }
    for (const trade of this.#newTrades) this.#trades.delete(tradeKey(trade.symbol, trade.tradeId));
    this.begin();
  }

  /** Forgets what a batch touched: the database has the word on it again. */
  forget(batch: TouchedByBatch): void {
    for (const { current } of batch.balances) this.#assets.get(current.asset)?.delete(current.userId);
    for (const { current } of batch.orders) this.#orders.delete(current.orderId);
    for (const { symbol, tradeId } of batch.trades) this.#trades.delete(tradeKey(symbol, tradeId));
  }

  forgetAbsences(): void {
    this.#absentOrders = new Set();
    this.#absentTrades = new Set();
  }

  loadBalance(balance: Balance): void {
    this.#ofAsset(balance.asset).set(balance.userId, { current: balance, before: balance, mark: 0 });
  }

  loadOrder(order: Order): void {
    this.#orders.set(order.orderId, { current: order, before: order, mark: 0 });
  }

  /** A trade that is in the ledger. */
  loadTrade(symbol: string, tradeId: string): void {
    this.#trades.set(tradeKey(symbol, tradeId), true);
  }

  /** An order that the ledger was seen not to have, for as long as the batch is being decided. */
  loadAbsentOrder(orderId: string): void {
    this.#orders.delete(orderId);
    this.#absentOrders.add(orderId);
  }

  loadAbsentTrade(symbol: string, tradeId: string): void {
    this.#trades.delete(tradeKey(symbol, tradeId));
    this.#absentTrades.add(tradeKey(symbol, tradeId));
  }

  balance(userId: string, asset: string): Balance {
    const entry = this.#assets.get(asset)?.get(userId);
    if (entry === undefined) {
      this.missingBalances.set(`${userId}\u0000${asset}`, { userId, asset });
      return { userId, asset, available: 0n, held: 0n, version: 0 };
    }
    if (entry.mark !== this.#mark) this.#touchBalance(entry);
    return entry.current;
  }

  order(orderId: string): Order | undefined {
    const entry = this.#orders.get(orderId);
    if (entry === undefined) {
      if (this.placing && !this.#absentOrders.has(orderId)) this.assumedOrder = orderId;
      else if (!this.#absentOrders.has(orderId)) this.missingOrders.add(orderId);
      return undefined;
    }
    if (entry.mark !== this.#mark) this.#touchOrder(entry);
    return entry.current;
  }

  hasTrade(symbol: string, tradeId: string): boolean {
    const key = tradeKey(symbol, tradeId);
    if (this.#trades.get(key) === true) return true;
    if (!this.#absentTrades.has(key)) this.assumedTrade = { symbol, tradeId };
    return false;
  }

  setBalance(balance: Balance): void {
    const entry = this.#assets.get(balance.asset)?.get(balance.userId);
    // Its read was recorded as missing: the batch is decided again, this value is never written.
    if (entry === undefined) return;
    if (entry.mark !== this.#mark) this.#touchBalance(entry);
    entry.current = balance;
  }

  setOrder(order: Order): void {
    const entry = this.#orders.get(order.orderId);
    if (entry === undefined) {
      const made: Touched<Order> = { current: order, before: undefined, mark: this.#mark };
      this.#orders.set(order.orderId, made);
      this.#touchedOrders.push(made);
      return;
    }
    if (entry.mark !== this.#mark) this.#touchOrder(entry);
    entry.current = order;
  }

  addTrade(symbol: string, tradeId: string): void {
    this.#trades.set(tradeKey(symbol, tradeId), true);
    this.#newTrades.push({ symbol, tradeId });
  }

  #touchBalance(entry: BalanceTouched): void {
    entry.before = entry.current;
    entry.mark = this.#mark;
    this.#balances.push(entry);
  }

  #touchOrder(entry: Touched<Order>): void {
    entry.before = entry.current;
    entry.mark = this.#mark;
    this.#touchedOrders.push(entry);
  }

  #ofAsset(asset: string): GenerationMap<string, BalanceTouched> {
    const known = this.#assets.get(asset);
    if (known !== undefined) return known;
    const made = new GenerationMap<string, BalanceTouched>(this.#entriesMax);
    this.#assets.set(asset, made);
    return made;
  }
}

function tradeKey(symbol: string, tradeId: string): string {
  return `${symbol}\u0000${tradeId}`;
}
