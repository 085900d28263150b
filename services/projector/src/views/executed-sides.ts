import type { Order, TradeExecuted } from '@tradestream/trading';

/** Both orders of a trade after it. */
export type ExecutedSides = { readonly buy: Order; readonly sell: Order };

/** @throws {RangeError} for an event that no ledger makes: a view must not guess what it means */
export function executedSides(event: TradeExecuted): ExecutedSides {
  const buy = event.orders.find(({ orderId }) => orderId === event.buyOrderId);
  const sell = event.orders.find(({ orderId }) => orderId === event.sellOrderId);
  if (buy?.side !== 'buy' || sell?.side !== 'sell') throw new RangeError('a trade carries its buy and its sell order');
  if (event.quantity <= 0n || event.price <= 0n) throw new RangeError('a trade has a quantity and a price above zero');
  return { buy, sell };
}
