import { type Amount, decide, evolve, InMemoryState, type TradeCommand, UNIT } from '@tradestream/trading';
import fc from 'fast-check';
import { expect, test } from 'vitest';

/** Numbers whose products hardly ever end at 18 places. */
const uneven = fc.oneof(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 1n, max: 3n * UNIT }));
const part = fc.integer({ min: 1, max: 9 });

const actions = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('fill' as const), part, below: part }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('amend' as const), price: uneven, more: uneven }) },
  ),
  { minLength: 1, maxLength: 30, size: 'max' },
);

const RICH = 10n ** 6n * UNIT;
const SYMBOL = 'BTC-USD';

type Tally = { fills: number; cost: Amount; freed: Amount };

/** One buy at an uneven price against a sell that takes any price; fills and amendments of the buy until nothing is left. */
function runBuy(
  price: Amount,
  quantity: Amount,
  steps: Iterable<TradeCommand | ((left: Amount, limit: Amount) => TradeCommand)>,
): Tally {
  const state = new InMemoryState();
  const tally: Tally = { fills: 0, cost: 0n, freed: 0n };
  const apply = (command: TradeCommand) => {
    const before = state.order('b');
    const decision = decide(command, state);
    if (!decision.accepted) return;
    evolve(state, decision.event);
    const after = state.order('b');
    if (decision.event.type !== 'TradeExecuted' || before === undefined || after === undefined) return;
    const { cost } = decision.event;
    expect(before.hold - after.hold >= cost, `freed ${before.hold - after.hold}, cost ${cost}`).toBe(true);
    expect(cost).toBe((decision.event.price * decision.event.quantity) / UNIT);
    tally.fills += 1;
    tally.cost += cost;
    tally.freed += before.hold - after.hold;
  };
  apply({ type: 'DepositFunds', userId: 'ann', asset: 'USD', amount: RICH });
  apply({ type: 'DepositFunds', userId: 'bob', asset: 'BTC', amount: RICH });
  const order = { type: 'PlaceOrder', symbol: SYMBOL } as const;
  apply({ ...order, orderId: 's', userId: 'bob', side: 'sell', price: 1n, quantity: RICH });
  apply({ ...order, orderId: 'b', userId: 'ann', side: 'buy', price, quantity });
  for (const step of steps) {
    const buy = state.order('b');
    if (buy === undefined) break;
    apply(typeof step === 'function' ? step(buy.quantity - buy.filled, buy.price) : step);
  }
  const { available, held } = state.balance('ann', 'USD');
  const buy = state.order('b');
  expect(held).toBe(buy?.hold ?? 0n);
  expect(available + held).toBe(RICH - tally.cost);
  expect(state.balance('bob', 'USD').available).toBe(tally.cost);
  if (buy?.status === 'filled') expect(held).toBe(0n);
  return tally;
}

test('whatever the fills and amendments, a fill frees at least its cost and the books agree to the last digit', () => {
  let fills = 0;
  let evenRuns = 0;
  fc.assert(
    fc.property(uneven, uneven, actions, (price, quantity, list) => {
      const steps = list.map((action, index) => (left: Amount, limit: Amount): TradeCommand => {
        if (action.kind === 'amend') {
          return {
            type: 'AmendOrder',
            orderId: 'b',
            symbol: SYMBOL,
            price: action.price,
            quantity: quantity + action.more,
          };
        }
        const some = (left * BigInt(action.part)) / 9n;
        const lower = (limit * BigInt(action.below)) / 9n;
        return {
          type: 'ExecuteTrade',
          tradeId: `t${index}`,
          symbol: SYMBOL,
          buyOrderId: 'b',
          sellOrderId: 's',
          price: lower > 0n ? lower : 1n,
          quantity: some > 0n ? some : 1n,
          executedAt: 0,
        };
      });
      const tally = runBuy(price, quantity, steps);
      fills += tally.fills;
      if (tally.freed === tally.cost) evenRuns += 1;
    }),
    { numRuns: 1_000, seed: 18 },
  );
  expect(fills).toBeGreaterThan(2_000);
  expect(evenRuns).toBeLessThan(900);
});

test('an order filled in many small parts costs at most its hold, and less by at most one unit a part', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 3n * UNIT }), fc.integer({ min: 1, max: 60 }), (price, parts) => {
      const quantity = BigInt(parts) * 7n;
      const steps = Array.from({ length: parts }, (_, index): TradeCommand => {
        const orders = { buyOrderId: 'b', sellOrderId: 's' } as const;
        return {
          type: 'ExecuteTrade',
          tradeId: `t${index}`,
          symbol: SYMBOL,
          ...orders,
          price,
          quantity: 7n,
          executedAt: 0,
        };
      });
      const tally = runBuy(price, quantity, steps);
      const exact = price * quantity;
      expect(tally.fills).toBe(parts);
      expect(tally.cost * UNIT <= exact && exact < (tally.cost + BigInt(parts)) * UNIT).toBe(true);
      expect(tally.freed).toBe((exact + UNIT - 1n) / UNIT);
    }),
    { numRuns: 500 },
  );
});
