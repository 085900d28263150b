import { expect } from 'vitest';
import { formatAmount, parseAmount } from '../amount.ts';
import type { AmendOrder, Amount, CancelOrder, ExecuteTrade, PlaceOrder, TradeCommand } from '../commands.ts';
import { type Decision, decide } from '../decide.ts';
import type { AppliedEvent } from '../events.ts';
import { evolve } from '../evolve.ts';
import { InMemoryState } from '../in-memory-state.ts';
import type { Reason } from '../reasons.ts';
import type { Order } from '../state.ts';

/** What must become of the command: the reason, or the event with every balance and order that it touches. */
type Outcome =
  | { readonly reason: Reason }
  | {
      readonly type: AppliedEvent['type'];
      /** `user ASSET` -> `available + held`. */
      readonly balances: Readonly<Record<string, string>>;
      /** Order id -> `filled of quantity at price, holds hold, status`. */
      readonly orders: Readonly<Record<string, string>>;
      readonly cost: string | undefined;
    };

type Deal = { readonly price?: string; readonly quantity?: string };

/** Commands that were applied; one that is not fails the specification. */
export function given(...history: readonly TradeCommand[]) {
  const state = new InMemoryState();
  for (const command of history) {
    const decision = decide(command, state);
    if (!decision.accepted) throw new TypeError(`given a ${command.type} that is refused: ${decision.reason}`);
    evolve(state, decision.event);
  }
  return {
    when: (command: TradeCommand) => ({
      // oxlint-disable-next-line unicorn/no-thenable -- the third word of given, when, then; nobody awaits it
      then: (outcome: Outcome) => expectOutcome(state, command, outcome),
    }),
  };
}

export function rejected(reason: Reason): Outcome {
  return { reason };
}

export function applied(
  type: AppliedEvent['type'],
  balances: Readonly<Record<string, string>>,
  orders: Readonly<Record<string, string>> = {},
  cost?: string,
): Outcome {
  return { type, balances, orders, cost };
}

export function deposited(text: string, userId = 'alice', asset = 'USD'): TradeCommand {
  return { type: 'DepositFunds', userId, asset, amount: amount(text) };
}

export function withdrawn(text: string, userId = 'alice', asset = 'USD'): TradeCommand {
  return { type: 'WithdrawFunds', userId, asset, amount: amount(text) };
}

/** `alice` buys as order `b`. */
export function buy(quantity: string, price = '1', changes: Partial<PlaceOrder> = {}): PlaceOrder {
  return { ...order({ price, quantity }), side: 'buy', orderId: 'b', userId: 'alice', ...changes };
}

/** `bob` sells as order `s`. */
export function sell(quantity: string, price = '1', changes: Partial<PlaceOrder> = {}): PlaceOrder {
  return { ...order({ price, quantity }), side: 'sell', orderId: 's', userId: 'bob', ...changes };
}

export function amended(orderId: string, deal: Deal, symbol = 'BTC-USD'): AmendOrder {
  const { price, quantity } = deal;
  return {
    type: 'AmendOrder',
    orderId,
    symbol,
    price: price === undefined ? null : amount(price),
    quantity: quantity === undefined ? null : amount(quantity),
  };
}

export function cancelled(orderId: string, symbol = 'BTC-USD'): CancelOrder {
  return { type: 'CancelOrder', orderId, symbol };
}

/** Orders `b` and `s` trade as `t`. */
export function executed(quantity: string, price = '1', changes: Partial<ExecuteTrade> = {}): ExecuteTrade {
  return {
    type: 'ExecuteTrade',
    tradeId: 't',
    symbol: 'BTC-USD',
    buyOrderId: 'b',
    sellOrderId: 's',
    price: amount(price),
    quantity: amount(quantity),
    executedAt: 1_610_064_000_278_000,
    ...changes,
  };
}

export function amount(text: string): Amount {
  const parsed = parseAmount(text);
  if (parsed === null) throw new TypeError(`${text} is no amount`);
  return parsed;
}

function order(deal: Required<Deal>): Pick<PlaceOrder, 'type' | 'symbol' | 'price' | 'quantity'> {
  return { type: 'PlaceOrder', symbol: 'BTC-USD', price: amount(deal.price), quantity: amount(deal.quantity) };
}

function expectOutcome(state: InMemoryState, command: TradeCommand, outcome: Outcome): void {
  const before = pictureOf(state);
  const decision = decide(command, state);
  expect(pictureOf(state), 'deciding changes no state').toEqual(before);
  if ('reason' in outcome) {
    expect(decision).toEqual({ accepted: false, reason: outcome.reason });
    return;
  }
  const event = eventOf(decision);
  const touched = {
    type: event.type,
    balances: Object.fromEntries(event.balances.map((each) => [`${each.userId} ${each.asset}`, sumOf(each)])),
    orders: Object.fromEntries(event.orders.map((each) => [each.orderId, describe(each)])),
    cost: event.type === 'TradeExecuted' ? formatAmount(event.cost) : undefined,
  };
  expect(touched).toEqual(outcome);
  for (const each of event.balances) expect(each.version).toBe(state.balance(each.userId, each.asset).version + 1);
  for (const each of event.orders) expect(each.version).toBe((state.order(each.orderId)?.version ?? 0) + 1);
}

function eventOf(decision: Decision): AppliedEvent {
  expect(decision).toMatchObject({ accepted: true });
  if (!decision.accepted) throw new TypeError(decision.reason);
  return decision.event;
}

function sumOf(balance: { readonly available: Amount; readonly held: Amount }): string {
  return `${formatAmount(balance.available)} + ${formatAmount(balance.held)}`;
}

function describe(each: Order): string {
  const [filled, quantity, price, hold] = [each.filled, each.quantity, each.price, each.hold].map(formatAmount);
  return `${filled} of ${quantity} at ${price}, holds ${hold}, ${each.status}`;
}

function pictureOf(state: InMemoryState): unknown {
  return structuredClone({ balances: [...state.balances()], orders: [...state.orders()] });
}
