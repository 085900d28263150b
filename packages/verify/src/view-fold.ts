import type { EventEnvelope, TradeEvent } from '@tradestream/trading';
import { balanceKey, type Market, type Shown, type Told } from './model/market.ts';

/** What `views.trades` shows of an order. Sums have no bound. */
export type ExecutedOrder = {
  readonly userId: string;
  readonly symbol: string;
  readonly side: string;
  quantity: bigint;
  cost: bigint;
  /** Microseconds since the epoch. */
  timestamp: number;
};

/** What `views.candles` shows of a symbol and minute. */
export type Candle = {
  readonly symbol: string;
  /** Microseconds since the epoch. */
  readonly minute: number;
  open: bigint;
  high: bigint;
  low: bigint;
  close: bigint;
  volume: bigint;
  quoteVolume: bigint;
  count: number;
  opened: TradePlace;
  closed: TradePlace;
};

/** What orders trades within a candle. */
type TradePlace = { readonly executedAt: number; readonly partition: number; readonly seq: number };
type Timed = { readonly executedAt: number };
/** A row of `views.fills`, at the place of its event. */
export type Fill = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: string;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly place: TradePlace;
};
type Trade = Extract<TradeEvent, { readonly type: 'TradeExecuted' }>;

const MINUTE_MICROS = 60_000_000;

/** Folds events into what each view must show at its own position. Events come in history order. */
export class ViewFold {
  readonly executed = new Map<string, ExecutedOrder>();
  readonly candles = new Map<string, Candle>();
  readonly #market: Market;
  readonly #positions: ReadonlyMap<string, ReadonlyMap<number, number>>;

  constructor(market: Market, positions: ReadonlyMap<string, ReadonlyMap<number, number>>) {
    this.#market = market;
    this.#positions = positions;
  }

  /** Called after the market has taken the event. */
  take(envelope: EventEnvelope): void {
    const { event, occurredAt } = envelope;
    if (event.type === 'CommandRejected') return;
    if (this.#shows('balances', envelope)) {
      for (const balance of event.balances) {
        const told = this.#market.balances.get(balanceKey(balance.userId, balance.asset));
        if (told !== undefined) told.shown = nextShown(told, balance, occurredAt);
      }
    }
    if (this.#shows('orders', envelope)) {
      for (const order of event.orders) {
        const told = this.#market.orders.get(order.orderId);
        if (told !== undefined) told.shown = nextShown(told, order, occurredAt);
      }
    }
    if (event.type !== 'TradeExecuted') return;
    if (this.#shows('trades', envelope)) this.#addExecuted(event);
    if (this.#shows('candles', envelope)) this.#addToCandle(event, envelope);
  }

  /** A side of a trade whose event was removed; the buying one stands for the trade. */
  takeFill({ orderId, place, price, ...fill }: Fill): void {
    this.#addSide(orderId, { ...fill, executedAt: place.executedAt });
    if (fill.side === 'buy') this.#addToCandle({ ...fill, price, executedAt: place.executedAt }, place);
  }

  #shows(projection: string, { partition, seq }: EventEnvelope): boolean {
    return seq <= (this.#positions.get(projection)?.get(partition) ?? 0);
  }

  #addExecuted(trade: Trade): void {
    const { quantity, cost, executedAt } = trade;
    for (const { orderId, userId, symbol, side } of trade.orders)
      this.#addSide(orderId, { userId, symbol, side, quantity, cost, executedAt });
  }

  #addSide(
    orderId: string,
    { executedAt, quantity, cost, ...order }: Omit<Fill, 'orderId' | 'price' | 'place'> & Timed,
  ): void {
    let row = this.executed.get(orderId);
    if (row === undefined) {
      row = { ...order, quantity: 0n, cost: 0n, timestamp: executedAt };
      this.executed.set(orderId, row);
    }
    row.quantity += quantity;
    row.cost += cost;
    row.timestamp = Math.max(row.timestamp, executedAt);
  }

  #addToCandle(
    trade: Pick<Trade, 'symbol' | 'price' | 'quantity' | 'cost' | 'executedAt'>,
    { partition, seq }: Pick<EventEnvelope, 'partition' | 'seq'>,
  ): void {
    const { symbol, price, quantity, cost, executedAt } = trade;
    const minute = executedAt - (executedAt % MINUTE_MICROS);
    const place = { executedAt, partition, seq };
    const key = candleKey(symbol, minute);
    const candle = this.candles.get(key);
    if (candle === undefined) {
      const prices = { open: price, high: price, low: price, close: price };
      this.candles.set(key, {
        symbol,
        minute,
        ...prices,
        volume: quantity,
        quoteVolume: cost,
        count: 1,
        opened: place,
        closed: place,
      });
      return;
    }
    if (price > candle.high) candle.high = price;
    if (price < candle.low) candle.low = price;
    if (isBefore(place, candle.opened)) Object.assign(candle, { opened: place, open: price });
    if (isBefore(candle.closed, place)) Object.assign(candle, { closed: place, close: price });
    candle.volume += quantity;
    candle.quoteVolume += cost;
    candle.count += 1;
  }
}

export function candleKey(symbol: string, minute: number): string {
  return `${minute} ${symbol}`;
}

function nextShown<Value extends { readonly version: number }>(
  told: Told<Value>,
  value: Value,
  at: number,
): Shown<Value> {
  const first = told.shown;
  return {
    value,
    firstVersion: first?.firstVersion ?? value.version,
    firstAt: first === null ? at : first.firstAt,
    lastAt: at,
  };
}

function isBefore(a: TradePlace, b: TradePlace): boolean {
  if (a.executedAt !== b.executedAt) return a.executedAt < b.executedAt;
  return a.partition === b.partition ? a.seq < b.seq : a.partition < b.partition;
}
