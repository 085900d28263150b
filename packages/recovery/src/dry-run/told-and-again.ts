import { amountFromNumeric } from '@tradestream/database';
import { type Balance, formatAmount, type Order } from '@tradestream/trading';

/** One value twice: as the events tell it, and as the rules give it when all is decided again. */
export type Twice<Value> = { told: Value; again: Value };

export type Funds = Pick<Balance, 'available' | 'held'>;
/** What is compared of an order: versions only count changes. */
export type OrderText = Readonly<Record<string, string>>;

export const NO_FUNDS: Funds = { available: 0n, held: 0n };

export function textOfOrder(order: Order): OrderText {
  return {
    userId: order.userId,
    symbol: order.symbol,
    side: order.side,
    status: order.status,
    price: formatAmount(order.price),
    quantity: formatAmount(order.quantity),
    filled: formatAmount(order.filled),
    hold: formatAmount(order.hold),
  };
}

/** The order that `textOfOrder` gave. */
export function orderOfText(orderId: string, text: OrderText): Order {
  const amount = (name: string) => amountFromNumeric(text[name] ?? '0');
  return {
    orderId,
    userId: text['userId'] ?? '',
    symbol: text['symbol'] ?? '',
    side: text['side'] === 'sell' ? 'sell' : 'buy',
    status: statusOf(text['status']),
    price: amount('price'),
    quantity: amount('quantity'),
    filled: amount('filled'),
    hold: amount('hold'),
    version: 0,
  };
}

function statusOf(text: string | undefined): Order['status'] {
  if (text === 'partially_filled' || text === 'filled' || text === 'cancelled') return text;
  return 'open';
}
