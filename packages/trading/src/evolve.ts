import type { TradeEvent } from './events.ts';
import type { MutableState } from './state.ts';

/** Folds one event into the state: events carry the values after them, so that this only sets them. */
export function evolve(state: MutableState, event: TradeEvent): void {
  if (event.type === 'CommandRejected') return;
  for (const balance of event.balances) state.setBalance(balance);
  for (const order of event.orders) state.setOrder(order);
  if (event.type === 'TradeExecuted') state.addTrade(event.symbol, event.tradeId);
}
