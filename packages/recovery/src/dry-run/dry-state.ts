import { amountFromNumeric, type Session } from '@tradestream/database';
import { type Balance, formatAmount, type MutableState, type Order } from '@tradestream/trading';
import type { Cut } from './cut.ts';
import { type Funds, NO_FUNDS, type OrderText, orderOfText, type Twice, textOfOrder } from './told-and-again.ts';

/** Where the state before the run comes from, for what the run has not touched. */
export type Base = {
  /** Null: the beginning, when nobody had anything. */
  readonly snapshotId: number | null;
  /** Trades of events up to here were executed before. */
  readonly cut: Cut;
};

type BalanceKey = { readonly userId: string; readonly asset: string };
type TradeKey = { readonly symbol: string; readonly tradeId: string };

export type Keys = {
  readonly balances: readonly BalanceKey[];
  readonly orders: readonly string[];
  readonly trades: readonly TradeKey[];
};

/** Values kept from page to page, of each kind; beyond this all are read again from the side schema. */
const KEPT_MAX = 100_000;

/**
 * The state of a dry run, in two columns, in the side schema; here is only what the present page and
 * those lately before it touched. `MutableState` is the column that is decided again.
 */
export class DryState implements MutableState {
  /** What a decision asked for and was not loaded; load it and decide again. */
  readonly missing = {
    balances: new Map<string, BalanceKey>(),
    orders: new Set<string>(),
    trades: new Map<string, TradeKey>(),
  };
  readonly #session: Session;
  readonly #run: string;
  readonly #base: Base;
  readonly #balances = new Map<string, Twice<Funds> & BalanceKey>();
  readonly #orders = new Map<string, Twice<Order | null>>();
  readonly #trades = new Map<string, boolean>();
  readonly #touchedBalances = new Set<string>();
  readonly #touchedOrders = new Set<string>();
  readonly #newTrades = new Map<string, TradeKey>();

  constructor(session: Session, run: string, base: Base) {
    this.#session = session;
    this.#run = run;
    this.#base = base;
  }

  balance(userId: string, asset: string): Balance {
    const key = balanceKey(userId, asset);
    const kept = this.#balances.get(key);
    if (kept === undefined) this.missing.balances.set(key, { userId, asset });
    return { userId, asset, ...(kept?.again ?? NO_FUNDS), version: 0 };
  }

  order(orderId: string): Order | undefined {
    const kept = this.#orders.get(orderId);
    if (kept === undefined) this.missing.orders.add(orderId);
    return kept?.again ?? undefined;
  }

  hasTrade(symbol: string, tradeId: string): boolean {
    const key = tradeKey(symbol, tradeId);
    const kept = this.#trades.get(key);
    if (kept === undefined) this.missing.trades.set(key, { symbol, tradeId });
    return kept === true;
  }

  setBalance({ userId, asset, available, held }: Balance): void {
    this.#touchBalance(userId, asset).again = { available, held };
  }

  setOrder(order: Order): void {
    this.#touchOrder(order.orderId).again = order;
  }

  addTrade(symbol: string, tradeId: string): void {
    this.#trades.set(tradeKey(symbol, tradeId), true);
    this.#newTrades.set(tradeKey(symbol, tradeId), { symbol, tradeId });
  }

  /** The other column. Answers what it was before. */
  tellBalance({ userId, asset, available, held }: Balance): Funds {
    const twice = this.#touchBalance(userId, asset);
    const before = twice.told;
    twice.told = { available, held };
    return before;
  }

  tellOrder(order: Order): void {
    this.#touchOrder(order.orderId).told = order;
  }

  get isMissing(): boolean {
    return this.missing.balances.size + this.missing.orders.size + this.missing.trades.size > 0;
  }

  async loadMissing(): Promise<void> {
    const { balances, orders, trades } = this.missing;
    await this.load({ balances: [...balances.values()], orders: [...orders], trades: [...trades.values()] });
    balances.clear();
    orders.clear();
    trades.clear();
  }

  /** Loads what is not here: from the side schema, else from the base. */
  async load(keys: Keys): Promise<void> {
    await Promise.all([
      this.#loadBalances(keys.balances.filter(({ userId, asset }) => !this.#balances.has(balanceKey(userId, asset)))),
      this.#loadOrders(keys.orders.filter((orderId) => !this.#orders.has(orderId))),
      this.#loadTrades(keys.trades.filter(({ symbol, tradeId }) => !this.#trades.has(tradeKey(symbol, tradeId)))),
    ]);
  }

  /** Writes what was touched since the last flush, inside the caller's transaction. */
  async flush(): Promise<void> {
    const run = this.#run;
    const balances = [...this.#touchedBalances].flatMap((key) => this.#balances.get(key) ?? []);
    const orders = [...this.#touchedOrders].map((orderId) => ({ orderId, twice: this.#orders.get(orderId) }));
    const trades = [...this.#newTrades.values()];
    await this.#session.query({
      name: 'dry_run_balances',
      text: `INSERT INTO dry_run.balances (run, user_id, asset, told_available, told_held, again_available, again_held)
             SELECT $1, * FROM unnest($2::text[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::numeric[])
             ON CONFLICT (run, user_id, asset) DO UPDATE SET
               told_available = excluded.told_available, told_held = excluded.told_held,
               again_available = excluded.again_available, again_held = excluded.again_held`,
      values: [
        run,
        balances.map(({ userId }) => userId),
        balances.map(({ asset }) => asset),
        balances.map(({ told }) => formatAmount(told.available)),
        balances.map(({ told }) => formatAmount(told.held)),
        balances.map(({ again }) => formatAmount(again.available)),
        balances.map(({ again }) => formatAmount(again.held)),
      ],
    });
    await this.#session.query({
      name: 'dry_run_orders',
      text: `INSERT INTO dry_run.orders (run, order_id, told, again) SELECT $1, * FROM unnest($2::text[], $3::jsonb[], $4::jsonb[])
             ON CONFLICT (run, order_id) DO UPDATE SET told = excluded.told, again = excluded.again`,
      values: [
        run,
        orders.map(({ orderId }) => orderId),
        orders.map(({ twice }) => jsonOf(twice?.told)),
        orders.map(({ twice }) => jsonOf(twice?.again)),
      ],
    });
    await this.#session.query({
      name: 'dry_run_trades',
      text: `INSERT INTO dry_run.trades (run, symbol, trade_id) SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
      values: [run, trades.map(({ symbol }) => symbol), trades.map(({ tradeId }) => tradeId)],
    });
    this.#touchedBalances.clear();
    this.#touchedOrders.clear();
    this.#newTrades.clear();
    for (const kept of [this.#balances, this.#orders, this.#trades]) if (kept.size > KEPT_MAX) kept.clear();
  }

  #touchBalance(userId: string, asset: string): Twice<Funds> {
    const key = balanceKey(userId, asset);
    this.#touchedBalances.add(key);
    const kept = this.#balances.get(key);
    if (kept !== undefined) return kept;
    const made = { userId, asset, told: NO_FUNDS, again: NO_FUNDS };
    this.#balances.set(key, made);
    return made;
  }

  #touchOrder(orderId: string): Twice<Order | null> {
    this.#touchedOrders.add(orderId);
    const kept = this.#orders.get(orderId);
    if (kept !== undefined) return kept;
    const made = { told: null, again: null };
    this.#orders.set(orderId, made);
    return made;
  }

  async #loadBalances(keys: readonly BalanceKey[]): Promise<void> {
    if (keys.length === 0) return;
    const { rows } = await this.#session.query<{
      user_id: string;
      asset: string;
      told_available: string;
      told_held: string;
      again_available: string;
      again_held: string;
    }>({
      name: 'load_dry_balances',
      text: `SELECT user_id, asset, coalesce(d.told_available, b.available, 0)::text AS told_available,
                    coalesce(d.told_held, b.held, 0)::text AS told_held,
                    coalesce(d.again_available, b.available, 0)::text AS again_available,
                    coalesce(d.again_held, b.held, 0)::text AS again_held
             FROM unnest($3::text[], $4::text[]) AS named (user_id, asset)
             LEFT JOIN (SELECT * FROM dry_run.balances WHERE run = $1) AS d USING (user_id, asset)
             LEFT JOIN (SELECT * FROM ledger.snapshot_balances WHERE snapshot_id = $2) AS b USING (user_id, asset)`,
      values: [this.#run, this.#base.snapshotId, keys.map(({ userId }) => userId), keys.map(({ asset }) => asset)],
    });
    for (const row of rows) {
      const { user_id: userId, asset } = row;
      this.#balances.set(balanceKey(userId, asset), {
        userId,
        asset,
        told: { available: amountFromNumeric(row.told_available), held: amountFromNumeric(row.told_held) },
        again: { available: amountFromNumeric(row.again_available), held: amountFromNumeric(row.again_held) },
      });
    }
  }

  async #loadOrders(orderIds: readonly string[]): Promise<void> {
    if (orderIds.length === 0) return;
    const { rows } = await this.#session.query<{ order_id: string; told: OrderText | null; again: OrderText | null }>({
      name: 'load_dry_orders',
      text: `SELECT order_id, CASE WHEN d.run IS NULL THEN b.value ELSE d.told END AS told,
                    CASE WHEN d.run IS NULL THEN b.value ELSE d.again END AS again
             FROM unnest($3::text[]) AS named (order_id)
             LEFT JOIN (SELECT * FROM dry_run.orders WHERE run = $1) AS d USING (order_id)
             LEFT JOIN (SELECT order_id, jsonb_build_object('userId', user_id, 'symbol', symbol, 'side', side, 'status', status,
                          'price', trim_scale(price)::text, 'quantity', trim_scale(quantity)::text,
                          'filled', trim_scale(filled)::text, 'hold', trim_scale(hold)::text) AS value
                        FROM ledger.snapshot_orders WHERE snapshot_id = $2) AS b USING (order_id)`,
      values: [this.#run, this.#base.snapshotId, orderIds],
    });
    for (const { order_id: orderId, told, again } of rows) {
      this.#orders.set(orderId, {
        told: told === null ? null : orderOfText(orderId, told),
        again: again === null ? null : orderOfText(orderId, again),
      });
    }
  }

  async #loadTrades(keys: readonly TradeKey[]): Promise<void> {
    if (keys.length === 0) return;
    const { rows } = await this.#session.query<{ symbol: string; trade_id: string; executed: boolean }>({
      name: 'load_dry_trades',
      text: `SELECT symbol, trade_id,
                    EXISTS (SELECT FROM dry_run.trades AS d WHERE d.run = $1 AND d.symbol = named.symbol AND d.trade_id = named.trade_id)
                    OR EXISTS (SELECT FROM ledger.trades AS t JOIN unnest($4::int[], $5::bigint[]) AS cut (partition, seq)
                                 ON cut.partition = t.partition AND t.seq <= cut.seq
                               WHERE t.symbol = named.symbol AND t.trade_id = named.trade_id) AS executed
             FROM unnest($2::text[], $3::text[]) AS named (symbol, trade_id)`,
      values: [
        this.#run,
        keys.map(({ symbol }) => symbol),
        keys.map(({ tradeId }) => tradeId),
        [...this.#base.cut.keys()],
        [...this.#base.cut.values()],
      ],
    });
    for (const { symbol, trade_id, executed } of rows) this.#trades.set(tradeKey(symbol, trade_id), executed);
  }
}

function balanceKey(userId: string, asset: string): string {
  return `${asset} ${userId}`;
}

function tradeKey(symbol: string, tradeId: string): string {
  return `${tradeId} ${symbol}`;
}

function jsonOf(order: Order | null | undefined): string | null {
  return order === null || order === undefined ? null : JSON.stringify(textOfOrder(order));
}
