import {
  type Balance,
  type EventEnvelope,
  type Order,
  REASONS,
  type TradeCommand,
  type TradeEvent,
} from '@tradestream/trading';
import fc from 'fast-check';
import type { CommandMessage } from './command-message.ts';

/* Messages for property tests: any text, any amount of 38 digits, any number that a double holds. */

const LIMIT = 10n ** 38n;
const EDGES = [0n, 1n, -1n, 127n, 128n, -128n, -129n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n];

const text = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
);
const amount = fc.oneof(
  fc.bigInt({ min: -LIMIT + 1n, max: LIMIT - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  fc.constantFrom(...EDGES, LIMIT - 1n, -LIMIT + 1n),
);
const optionalAmount = fc.option(amount, { nil: null });
const long = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(2 ** 53 - 1, -(2 ** 53) + 1, 63, 64, -64, -65),
);
const side = fc.constantFrom('buy' as const, 'sell' as const);

const funds = { userId: text, asset: text, amount };
const placed = { orderId: text, userId: text, symbol: text, side, price: amount, quantity: amount };
const amended = { orderId: text, symbol: text, price: optionalAmount, quantity: optionalAmount };
const cancelled = { orderId: text, symbol: text };
const traded = {
  tradeId: text,
  symbol: text,
  buyOrderId: text,
  sellOrderId: text,
  price: amount,
  quantity: amount,
  executedAt: long,
};

const balance: fc.Arbitrary<Balance> = plain({
  userId: text,
  asset: text,
  available: amount,
  held: amount,
  version: long,
});
const order: fc.Arbitrary<Order> = plain({
  ...placed,
  filled: amount,
  hold: amount,
  status: fc.constantFrom('open' as const, 'partially_filled' as const, 'filled' as const, 'cancelled' as const),
  version: long,
});
const touched = { balances: fc.array(balance, { maxLength: 5 }), orders: fc.array(order, { maxLength: 3 }) };

export const anyCommand: fc.Arbitrary<TradeCommand> = fc.oneof(
  plain({ type: fc.constant('DepositFunds' as const), ...funds }),
  plain({ type: fc.constant('WithdrawFunds' as const), ...funds }),
  plain({ type: fc.constant('PlaceOrder' as const), ...placed }),
  plain({ type: fc.constant('AmendOrder' as const), ...amended }),
  plain({ type: fc.constant('CancelOrder' as const), ...cancelled }),
  plain({ type: fc.constant('ExecuteTrade' as const), ...traded }),
);

export const anyCommandMessage: fc.Arbitrary<CommandMessage> = plain({
  commandId: fc.option(fc.oneof(fc.uuid(), text), { nil: null }),
  command: anyCommand,
});

const anyEvent: fc.Arbitrary<TradeEvent> = fc.oneof(
  plain({ type: fc.constant('FundsDeposited' as const), ...funds, ...touched }),
  plain({ type: fc.constant('FundsWithdrawn' as const), ...funds, ...touched }),
  plain({ type: fc.constant('OrderPlaced' as const), ...placed, ...touched }),
  plain({ type: fc.constant('OrderAmended' as const), ...amended, ...touched }),
  plain({ type: fc.constant('OrderCancelled' as const), ...cancelled, ...touched }),
  plain({ type: fc.constant('TradeExecuted' as const), ...traded, cost: amount, ...touched }),
  plain({ type: fc.constant('CommandRejected' as const), reason: fc.constantFrom(...REASONS), command: anyCommand }),
);

export const anyEnvelope: fc.Arbitrary<EventEnvelope> = plain({
  partition: fc.integer(),
  seq: long,
  timeline: fc.integer(),
  batch: long,
  commandId: fc.uuid(),
  occurredAt: long,
  event: anyEvent,
});

function plain<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}
