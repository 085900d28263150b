import type { Order, TradeCommand } from '@tradestream/trading';
import { productDown, productUp } from '../units.ts';
import type { Market } from './market.ts';

/**
 * The rules of domain.md a second time, written from that page alone: what the product decides is
 * held against what these say.
 */
export type Ruling =
  | { readonly refused: string }
  | {
      readonly refused: null;
      readonly transfers: readonly Transfer[];
      readonly orders: readonly Order[];
      readonly cost: bigint;
    };

/** What is added to, or taken from, the two parts of a balance. */
export type Transfer = {
  readonly userId: string;
  readonly asset: string;
  readonly available: bigint;
  readonly held: bigint;
};

type Of<Type extends TradeCommand['type']> = Extract<TradeCommand, { readonly type: Type }>;

const BALANCE_LIMIT = 10n ** 38n;
const NAMES = /^[A-Z0-9]{2,12}-[A-Z0-9]{2,12}$/;

export function ruleOn(command: TradeCommand, market: Market): Ruling {
  switch (command.type) {
    case 'DepositFunds':
      return ruleOnDeposit(command, market);
    case 'WithdrawFunds':
      return ruleOnWithdrawal(command, market);
    case 'PlaceOrder':
      return ruleOnPlacing(command, market);
    case 'AmendOrder':
      return ruleOnAmending(command, market);
    case 'CancelOrder':
      return ruleOnCancelling(command, market);
    case 'ExecuteTrade':
      return ruleOnTrade(command, market);
  }
}

function ruleOnDeposit({ userId, asset, amount }: Of<'DepositFunds'>, market: Market): Ruling {
  if (amount <= 0n) return { refused: 'INVALID_AMOUNT' };
  if (market.owned(userId, asset) + amount >= BALANCE_LIMIT) return { refused: 'BALANCE_LIMIT' };
  return granted([{ userId, asset, available: amount, held: 0n }], []);
}

function ruleOnWithdrawal({ userId, asset, amount }: Of<'WithdrawFunds'>, market: Market): Ruling {
  if (amount <= 0n) return { refused: 'INVALID_AMOUNT' };
  if (market.available(userId, asset) < amount) return { refused: 'INSUFFICIENT_FUNDS' };
  return granted([{ userId, asset, available: -amount, held: 0n }], []);
}

function ruleOnPlacing(command: Of<'PlaceOrder'>, market: Market): Ruling {
  const { orderId, userId, symbol, side, price, quantity } = command;
  if (!isSymbol(symbol)) return { refused: 'INVALID_SYMBOL' };
  if (price <= 0n || quantity <= 0n) return { refused: 'INVALID_AMOUNT' };
  if (market.order(orderId) !== undefined) return { refused: 'DUPLICATE_ORDER' };
  const hold = side === 'buy' ? productUp(price, quantity) : quantity;
  const asset = heldAsset(symbol, side);
  if (market.available(userId, asset) < hold) return { refused: 'INSUFFICIENT_FUNDS' };
  const order = {
    orderId,
    userId,
    symbol,
    side,
    price,
    quantity,
    filled: 0n,
    hold,
    status: 'open',
    version: 1,
  } as const;
  return granted([{ userId, asset, available: -hold, held: hold }], [order]);
}

function ruleOnAmending(command: Of<'AmendOrder'>, market: Market): Ruling {
  const given = [command.price, command.quantity].filter((value) => value !== null);
  if (given.some((value) => value <= 0n)) return { refused: 'INVALID_AMOUNT' };
  const order = market.order(command.orderId);
  const unfit = refuseOrder(order, command.symbol);
  if (order === undefined || unfit !== null) return { refused: unfit ?? 'UNKNOWN_ORDER' };
  const price = command.price ?? order.price;
  const quantity = command.quantity ?? order.quantity;
  if (price === order.price && quantity === order.quantity) return { refused: 'NOTHING_TO_CHANGE' };
  if (quantity <= order.filled) return { refused: 'QUANTITY_BELOW_FILLED' };
  const remaining = quantity - order.filled;
  const hold = order.side === 'buy' ? productUp(price, remaining) : remaining;
  const asset = heldAsset(order.symbol, order.side);
  const more = hold - order.hold;
  if (market.available(order.userId, asset) < more) return { refused: 'INSUFFICIENT_FUNDS' };
  const transfer = { userId: order.userId, asset, available: -more, held: more };
  return granted([transfer], [{ ...order, price, quantity, hold, version: order.version + 1 }]);
}

function ruleOnCancelling(command: Of<'CancelOrder'>, market: Market): Ruling {
  const order = market.order(command.orderId);
  const unfit = refuseOrder(order, command.symbol);
  if (order === undefined || unfit !== null) return { refused: unfit ?? 'UNKNOWN_ORDER' };
  const asset = heldAsset(order.symbol, order.side);
  const transfer = { userId: order.userId, asset, available: order.hold, held: -order.hold };
  return granted([transfer], [{ ...order, hold: 0n, status: 'cancelled', version: order.version + 1 }]);
}

function ruleOnTrade(command: Of<'ExecuteTrade'>, market: Market): Ruling {
  const { symbol, tradeId, price, quantity } = command;
  if (!isSymbol(symbol)) return { refused: 'INVALID_SYMBOL' };
  if (price <= 0n || quantity <= 0n) return { refused: 'INVALID_AMOUNT' };
  if (market.hasTrade(symbol, tradeId)) return { refused: 'DUPLICATE_TRADE' };
  const buy = market.order(command.buyOrderId);
  const sell = market.order(command.sellOrderId);
  if (buy === undefined || sell === undefined) return { refused: 'UNKNOWN_ORDER' };
  const unfit = refuseMatch(command, buy, sell);
  if (unfit !== null) return { refused: unfit };
  const [base, quote] = assetsOf(symbol);
  const cost = productDown(price, quantity);
  if (market.owned(buy.userId, base) + quantity >= BALANCE_LIMIT) return { refused: 'BALANCE_LIMIT' };
  if (market.owned(sell.userId, quote) + cost >= BALANCE_LIMIT) return { refused: 'BALANCE_LIMIT' };
  const bought = afterFill(buy, quantity);
  const sold = afterFill(sell, quantity);
  const freed = buy.hold - bought.hold;
  const transfers = [
    { userId: buy.userId, asset: quote, available: freed - cost, held: -freed },
    { userId: buy.userId, asset: base, available: quantity, held: 0n },
    { userId: sell.userId, asset: base, available: 0n, held: -quantity },
    { userId: sell.userId, asset: quote, available: cost, held: 0n },
  ];
  return { refused: null, transfers, orders: [bought, sold], cost };
}

function refuseMatch({ symbol, price, quantity }: Of<'ExecuteTrade'>, buy: Order, sell: Order): string | null {
  if (buy.symbol !== symbol || sell.symbol !== symbol) return 'SYMBOL_MISMATCH';
  if (buy.side !== 'buy' || sell.side !== 'sell') return 'SIDE_MISMATCH';
  if (buy.userId === sell.userId) return 'SELF_TRADE';
  if (isClosed(buy) || isClosed(sell)) return 'ORDER_NOT_OPEN';
  if (buy.price < price || sell.price > price) return 'PRICE_OUTSIDE_LIMIT';
  const exceeds = buy.filled + quantity > buy.quantity || sell.filled + quantity > sell.quantity;
  return exceeds ? 'QUANTITY_EXCEEDS_REMAINING' : null;
}

/** What stands against changing an order at all. */
function refuseOrder(order: Order | undefined, symbol: string): string | null {
  if (order === undefined) return 'UNKNOWN_ORDER';
  if (order.symbol !== symbol) return 'SYMBOL_MISMATCH';
  return isClosed(order) ? 'ORDER_NOT_OPEN' : null;
}

function afterFill(order: Order, quantity: bigint): Order {
  const filled = order.filled + quantity;
  const remaining = order.quantity - filled;
  const hold = order.side === 'buy' ? productUp(order.price, remaining) : remaining;
  return {
    ...order,
    filled,
    hold,
    status: remaining === 0n ? 'filled' : 'partially_filled',
    version: order.version + 1,
  };
}

function isClosed({ status }: Order): boolean {
  return status === 'filled' || status === 'cancelled';
}

function isSymbol(symbol: string): boolean {
  if (!NAMES.test(symbol)) return false;
  const [base, quote] = symbol.split('-');
  return base !== quote;
}

function assetsOf(symbol: string): readonly [base: string, quote: string] {
  const dash = symbol.indexOf('-');
  return [symbol.slice(0, dash), symbol.slice(dash + 1)];
}

function heldAsset(symbol: string, side: Order['side']): string {
  return assetsOf(symbol)[side === 'buy' ? 1 : 0];
}

function granted(transfers: readonly Transfer[], orders: readonly Order[]): Ruling {
  return { refused: null, transfers, orders, cost: 0n };
}
