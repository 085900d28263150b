import type { Balance, MutableState, Order } from '@tradestream/trading';
import { GenerationMap } from './generation-map.ts';
import { KeptBalances } from './kept-balances.ts';
import { type BalanceNames, TouchedBalances } from './touched-balances.ts';

/** An order as the batch leaves it, beside the one that it found; `before` is undefined where the batch made it. */
export type OrderTouched = {
  current: Order;
  before: Order | undefined;
  /** Serial of the batch that touched it last. */
  mark: number;
};

export type TouchedByBatch = {
  /** Used again by the batch after the next: a batch is put into its statements before another is decided. */
  readonly balances: TouchedBalances;
  readonly names: BalanceNames;
  readonly orders: readonly OrderTouched[];
  /** Keys of the trades that it made. */
  readonly trades: readonly string[];
};

/** Open orders are kept, with those that a batch has just closed; a batch's own must fit in any case. */
const ORDERS_MIN = 50_000;
const ORDERS_SHARE = 8;
/** A trade reads four balances, and then sets them. */
const READS = 4;
/** A trade is asked for again only by a duplicate, which the unique index finds all the same. */
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

  readonly #assets = new Map<string, KeptBalances>();
  readonly #orders: GenerationMap<string, OrderTouched>;
  readonly #trades: GenerationMap<string, true>;
  readonly #entriesMax: number;
  #absentOrders = new Set<string>();
  #absentTrades = new Set<string>();
  #mark = 0;
  #balances = new TouchedBalances();
  #balancesTaken = new TouchedBalances();
  /** Places of the balances read last. */
  readonly #readPlaces: number[] = Array.from({ length: READS }, () => 0);
  #reads = 0;
  #touchedOrders: OrderTouched[] = [];
  /** Orders closed by the batch taken last: the batch after the next finds them in the ledger, should it ask. */
  #closed: string[] = [];
  #newTrades: string[] = [];

  constructor(options: { readonly entriesMax: number }) {
    this.#entriesMax = options.entriesMax;
    this.#orders = new GenerationMap(Math.max(ORDERS_MIN, Math.floor(options.entriesMax / ORDERS_SHARE)));
    this.#trades = new GenerationMap(TRADES_KEPT);
  }

  /** Starts a batch on what the last one left. */
  begin(): void {
    this.#mark += 1;
    this.#balances.clear();
    this.#touchedOrders = [];
    this.#newTrades = [];
    this.missingBalances.clear();
    this.missingOrders.clear();
  }

  /** What the batch read or wrote, each once. The batch is over: its effects are what is kept now. */
  take(): TouchedByBatch {
    const balances = this.#balances;
    const taken = { balances, names: balances.names, orders: this.#touchedOrders, trades: this.#newTrades };
    for (let place = 0; place < balances.count; place += 1) {
      if (balances.versionAt(place) === balances.foundVersionAt(place)) continue;
      this.#assets.get(balances.assetAt(place))?.setAt(balances.spotAt(place), balances.read(place));
    }
    this.#balances = this.#balancesTaken;
    this.#balancesTaken = balances;
    for (const orderId of this.#closed) this.#orders.delete(orderId);
    this.#closed = taken.orders.flatMap(({ current }) => (isClosed(current) ? [current.orderId] : []));
    this.begin();
    return taken;
  }

  /** Takes the batch back, as if it had not been decided. */
  undo(): void {
    for (const entry of this.#touchedOrders) {
      if (entry.before === undefined) this.#orders.delete(entry.current.orderId);
      else entry.current = entry.before;
      entry.mark = 0;
    }
    for (const trade of this.#newTrades) this.#trades.delete(trade);
    this.begin();
  }

  /** Forgets what a batch touched: the database has the word on it again. */
  forget(batch: Omit<TouchedByBatch, 'balances'>): void {
    const { users, assets } = batch.names;
    for (const [place, asset] of assets.entries()) this.#assets.get(asset)?.delete(users[place] ?? '');
    for (const { current } of batch.orders) this.#orders.delete(current.orderId);
    for (const trade of batch.trades) this.#trades.delete(trade);
    // What it closed is open again: the same batch, decided anew, must not lose sight of it.
    this.#closed = [];
  }

  forgetAbsences(): void {
    this.#absentOrders = new Set();
    this.#absentTrades = new Set();
  }

  loadBalance(balance: Balance): void {
    this.#ofAsset(balance.asset).set(balance);
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
    const kept = this.#assets.get(asset);
    const place = kept?.placeIn(this.#mark, userId) ?? -1;
    if (place >= 0) return this.#balances.read(this.#noteRead(place));
    const found = kept?.take(this.#mark, userId, this.#balances.count);
    if (kept !== undefined && found !== undefined) {
      this.#noteRead(this.#balances.add(found, kept));
      return found;
    }
    this.missingBalances.set(`${userId}\u0000${asset}`, { userId, asset });
    return { userId, asset, available: 0n, held: 0n, version: 0 };
  }

  order(orderId: string): Order | undefined {
    const entry = this.#orders.get(orderId);
    if (entry === undefined) {
      // Also one that was looked for: it may have been made since.
      if (this.placing || this.#absentOrders.has(orderId)) this.assumedOrder = orderId;
      else this.missingOrders.add(orderId);
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
    const place = this.#placeRead(balance);
    // Who sets has read before; if that was missing the batch is decided again, and this value never written.
    if (place >= 0) this.#balances.write(place, balance);
  }

  setOrder(order: Order): void {
    const entry = this.#orders.get(order.orderId);
    if (entry === undefined) {
      const made: OrderTouched = { current: order, before: undefined, mark: this.#mark };
      this.#orders.set(order.orderId, made);
      this.#touchedOrders.push(made);
      return;
    }
    if (entry.mark !== this.#mark) this.#touchOrder(entry);
    entry.current = order;
  }

  addTrade(symbol: string, tradeId: string): void {
    const key = tradeKey(symbol, tradeId);
    this.#trades.set(key, true);
    this.#newTrades.push(key);
  }

  #noteRead(place: number): number {
    this.#reads = (this.#reads + 1) % READS;
    this.#readPlaces[this.#reads] = place;
    return place;
  }

  /** Where a balance stands that was read: most often one of those that this command has read. */
  #placeRead({ userId, asset }: Balance): number {
    for (const place of this.#readPlaces) {
      if (this.#balances.userAt(place) === userId && this.#balances.assetAt(place) === asset) return place;
    }
    return this.#assets.get(asset)?.placeIn(this.#mark, userId) ?? -1;
  }

  #touchOrder(entry: OrderTouched): void {
    entry.before = entry.current;
    entry.mark = this.#mark;
    this.#touchedOrders.push(entry);
  }

  #ofAsset(asset: string): KeptBalances {
    const known = this.#assets.get(asset);
    if (known !== undefined) return known;
    const made = new KeptBalances(asset, this.#entriesMax);
    this.#assets.set(asset, made);
    return made;
  }
}

function isClosed({ status }: Order): boolean {
  return status === 'filled' || status === 'cancelled';
}

function tradeKey(symbol: string, tradeId: string): string {
  return `${symbol}\u0000${tradeId}`;
}
