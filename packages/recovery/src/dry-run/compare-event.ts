import { type Balance, type Decision, formatAmount, type Order, type TradeEvent } from '@tradestream/trading';
import { type Funds, type OrderText, textOfOrder } from './told-and-again.ts';

/** What one command came to: its refusal, or by how much it moved each balance and what it left of each order. */
export type Effect = {
  readonly outcome: string;
  readonly cost?: string;
  readonly balances: readonly {
    readonly userId: string;
    readonly asset: string;
    readonly available: string;
    readonly held: string;
  }[];
  readonly orders: readonly (OrderText & { readonly orderId: string })[];
};

type Before = (balance: Balance) => Funds;

/** What an event says its command came to. */
export function effectOfEvent(event: TradeEvent, before: Before): Effect {
  if (event.type === 'CommandRejected') return refusal(event.reason);
  return {
    outcome: event.type,
    ...(event.type === 'TradeExecuted' ? { cost: formatAmount(event.cost) } : {}),
    balances: event.balances.map((balance) => {
      const { available, held } = before(balance);
      const { userId, asset } = balance;
      const moved = { available: balance.available - available, held: balance.held - held };
      return { userId, asset, available: formatAmount(moved.available), held: formatAmount(moved.held) };
    }),
    orders: event.orders.map((order: Order) => ({ orderId: order.orderId, ...textOfOrder(order) })),
  };
}

/** The same of a decision. */
export function effectOfDecision(decision: Decision, before: Before): Effect {
  return decision.accepted ? effectOfEvent(decision.event, before) : refusal(decision.reason);
}

/** What follows from different balances before is no difference: only what the command itself does. */
export function sameEffect(a: Effect, b: Effect): boolean {
  // Both are made by the same function above, field by field in the same order.
  return JSON.stringify(a) === JSON.stringify(b);
}

function refusal(reason: string): Effect {
  return { outcome: `rejected ${reason}`, balances: [], orders: [] };
}
