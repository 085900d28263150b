import {
  type Amount,
  ceilMultiply18,
  type DepositFunds,
  type ExecuteTrade,
  type PlaceOrder,
  parseAmount,
} from '@tradestream/trading';
import { drawUsers } from './draw-users.ts';

/** The columns of the file, in their order. */
export const BINANCE_COLUMNS = ['trade_id', 'timestamp', 'price', 'quantity', 'buyer_maker'] as const;

const SYMBOL = { name: 'BTC-USDT', base: 'BTC', quote: 'USDT' } as const;
/** Users that the trades of a file are spread over, and the seed that draws them. */
const USERS = 50;
const SEED = 'binance-trades';

export type BinanceTrade = {
  readonly tradeId: string;
  /** Microseconds since the epoch. */
  readonly executedAt: number;
  readonly price: Amount;
  readonly quantity: Amount;
  /** The buy order rested and the sell order took it. */
  readonly buyerRested: boolean;
};

type Parsed =
  | { readonly ok: true; readonly trade: BinanceTrade }
  | { readonly ok: false; readonly field: string; readonly rule: string };

/** A row of the file, or the column and the rule that it breaks. */
export function parseBinanceTrade(text: string): Parsed {
  const cells = text.split(',');
  if (cells.length !== BINANCE_COLUMNS.length) return broken('columns', `${BINANCE_COLUMNS.join(',')}`);
  const [tradeId = '', time = '', priceText = '', quantityText = '', buyerMaker = ''] = cells;
  if (!/^\d{1,59}$/.test(tradeId)) return broken('trade_id', '1 to 59 digits');
  const executedAt = parseTime(time);
  if (executedAt === null) return broken('timestamp', 'UTC with at most milliseconds, as 2021-01-08T00:00:00.278Z');
  const price = parsePositive(priceText);
  if (price === null) return broken('price', AMOUNT_RULE);
  const quantity = parsePositive(quantityText);
  if (quantity === null) return broken('quantity', AMOUNT_RULE);
  if (buyerMaker !== 'true' && buyerMaker !== 'false') return broken('buyer_maker', 'true or false');
  return { ok: true, trade: { tradeId, executedAt, price, quantity, buyerRested: buyerMaker === 'true' } };
}

/** What the two users must have before: exactly what their orders will hold. */
export function fundingOf(trade: BinanceTrade): readonly [DepositFunds, DepositFunds] {
  const { buyer, seller } = drawUsers(SEED, trade.tradeId, USERS);
  const cost = ceilMultiply18(trade.price, trade.quantity);
  return [
    { type: 'DepositFunds', userId: buyer, asset: SYMBOL.quote, amount: cost },
    { type: 'DepositFunds', userId: seller, asset: SYMBOL.base, amount: trade.quantity },
  ];
}

/** The resting order, the one that took it, and the trade between them. */
export function tradingOf(trade: BinanceTrade): readonly [PlaceOrder, PlaceOrder, ExecuteTrade] {
  const { buyer, seller } = drawUsers(SEED, trade.tradeId, USERS);
  const { price, quantity, tradeId, executedAt } = trade;
  const symbol = SYMBOL.name;
  const buyOrderId = `${tradeId}-buy`;
  const sellOrderId = `${tradeId}-sell`;
  const buy: PlaceOrder = {
    type: 'PlaceOrder',
    orderId: buyOrderId,
    userId: buyer,
    symbol,
    side: 'buy',
    price,
    quantity,
  };
  const sell: PlaceOrder = { ...buy, orderId: sellOrderId, userId: seller, side: 'sell' };
  const execute: ExecuteTrade = {
    type: 'ExecuteTrade',
    tradeId,
    symbol,
    buyOrderId,
    sellOrderId,
    price,
    quantity,
    executedAt,
  };
  return trade.buyerRested ? [buy, sell, execute] : [sell, buy, execute];
}

const AMOUNT_RULE = 'a decimal above 0 with at most 18 digits after the point';

function parsePositive(text: string): Amount | null {
  const amount = parseAmount(text);
  return amount !== null && amount > 0n ? amount : null;
}

function parseTime(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms * 1_000;
}

function broken(field: string, rule: string): Parsed {
  return { ok: false, field, rule };
}
