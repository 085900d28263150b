import {
  commandOf,
  type Decision,
  decide,
  evolve,
  InMemoryState,
  REASONS,
  type TradeCommand,
  type TradeEvent,
} from '@tradestream/trading';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Intent, intentSequences } from './trading-commands.ts';
import { holdOf, type ModelOrder, statusOf, TradingModel } from './trading-model.ts';

const SEQUENCES = 400;

type Step = { readonly command: TradeCommand; readonly decision: Decision };

/** Runs a sequence through the product; each intent sees the orders that are open then. */
function run(intents: readonly Intent[], onStep: (step: Step, state: InMemoryState) => void): InMemoryState {
  const state = new InMemoryState();
  for (const intent of intents) {
    const orderIds = [...state.orders()].map((order) => order.orderId);
    const openOrders = [...state.orders()]
      .filter((order) => order.status === 'open' || order.status === 'partially_filled')
      .map((order) => ({ ...order, left: order.quantity - order.filled }));
    const command = intent({ orderIds, openOrders });
    const decision = decide(command, state);
    if (decision.accepted) evolve(state, decision.event);
    onStep({ command, decision }, state);
  }
  return state;
}

function outcomeOf(decision: Decision): string {
  return decision.accepted ? 'applied' : decision.reason;
}

function expectSameState(state: InMemoryState, model: TradingModel): void {
  for (const { userId, asset, available, held } of state.balances()) {
    expect({ userId, asset, available, held }).toEqual({
      userId,
      asset,
      available: model.free(userId, asset),
      held: model.held(userId, asset),
    });
  }
  const orders = [...state.orders()].map((order) => [order.orderId, order] as const);
  expect(new Map(orders.map(([id, order]) => [id, { ...order, version: 0 }]))).toEqual(
    new Map([...model.orders.values()].map((order) => [order.id, { ...orderOf(order), version: 0 }])),
  );
}

function orderOf(order: ModelOrder): object {
  return {
    orderId: order.id,
    userId: order.owner,
    symbol: order.symbol,
    side: order.buys ? 'buy' : 'sell',
    price: order.limit,
    quantity: order.wanted,
    filled: order.done,
    hold: holdOf(order),
    status: statusOf(order),
  };
}

test('every outcome, balance and order is the one of an independent model', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      const model = new TradingModel();
      const state = run(intents, ({ command, decision }) => {
        expect([command, outcomeOf(decision)]).toEqual([command, model.run(command)]);
      });
      expectSameState(state, model);
    }),
    { numRuns: SEQUENCES },
  );
});

test('the random sequences come to every reason and every event', () => {
  const seen = new Set<string>();
  let steps = 0;
  fc.assert(
    fc.property(intentSequences, (intents) => {
      run(intents, ({ command, decision }) => {
        steps += 1;
        seen.add(outcomeOf(decision));
        if (decision.accepted) seen.add(`${command.type} ${decision.event.type}`);
      });
    }),
    { numRuns: SEQUENCES, seed: 20_210_108 },
  );
  expect([...seen].toSorted()).toEqual(
    [
      ...REASONS,
      'applied',
      'AmendOrder OrderAmended',
      'CancelOrder OrderCancelled',
      'DepositFunds FundsDeposited',
      'ExecuteTrade TradeExecuted',
      'PlaceOrder OrderPlaced',
      'WithdrawFunds FundsWithdrawn',
    ].toSorted(),
  );
  expect(steps).toBeGreaterThan(5_000);
});

test('for each asset, available and held together are the deposits less the withdrawals', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      const model = new TradingModel();
      run(intents, ({ command }, state) => {
        model.run(command);
        const sums = new Map<string, bigint>();
        for (const { asset, available, held } of state.balances()) {
          sums.set(asset, (sums.get(asset) ?? 0n) + available + held);
        }
        for (const [asset, sum] of sums) expect(sum).toBe(model.paidIn(asset));
      });
    }),
    { numRuns: SEQUENCES / 2 },
  );
});

test('nothing is ever negative, and no balance reaches 10^20', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      run(intents, ({ decision }) => {
        if (!decision.accepted) return;
        const { balances, orders } = decision.event;
        const counts = [...balances.flatMap((each) => [each.available, each.held]), ...orders.map((each) => each.hold)];
        expect(counts.filter((count) => count < 0n)).toEqual([]);
        expect(balances.filter((each) => each.available + each.held >= 10n ** 38n)).toEqual([]);
        expect(orders.filter((each) => each.filled > each.quantity)).toEqual([]);
      });
    }),
    { numRuns: SEQUENCES },
  );
});

test('a hold frees at least what each fill costs, for any sequence of fills and amendments', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      let before = new Map<string, bigint>();
      run(intents, ({ command, decision }, state) => {
        if (decision.accepted && decision.event.type === 'TradeExecuted' && command.type === 'ExecuteTrade') {
          const [bought] = decision.event.orders;
          const freed = (before.get(command.buyOrderId) ?? 0n) - (bought?.hold ?? 0n);
          expect(freed >= decision.event.cost && decision.event.cost >= 0n).toBe(true);
        }
        before = new Map([...state.orders()].map((order) => [order.orderId, order.hold]));
      });
    }),
    { numRuns: SEQUENCES },
  );
});

test('the fold of the events is the state, versions included, and a version rises by one at a time', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      const events: TradeEvent[] = [];
      const state = run(intents, ({ command, decision }) => {
        events.push(decision.accepted ? decision.event : { type: 'CommandRejected', reason: decision.reason, command });
      });
      const folded = new InMemoryState();
      const versions = new Map<string | undefined, number>();
      for (const event of events) {
        for (const each of event.type === 'CommandRejected' ? [] : [...event.balances, ...event.orders]) {
          const name = 'orderId' in each ? each.orderId : `${each.userId} ${each.asset}`;
          expect(each.version).toBe((versions.get(name) ?? 0) + 1);
          versions.set(name, each.version);
        }
        evolve(folded, event);
      }
      expect(new Set(folded.balances())).toEqual(new Set(state.balances()));
      expect(new Set(folded.orders())).toEqual(new Set(state.orders()));
    }),
    { numRuns: SEQUENCES / 2 },
  );
});

test('an event rebuilds its command, so that the history is decided again from events alone', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      const again = new InMemoryState();
      run(intents, ({ command, decision }) => {
        const event: TradeEvent = decision.accepted
          ? decision.event
          : { type: 'CommandRejected', reason: decision.reason, command };
        expect(commandOf(event)).toEqual(command);
        const second = decide(commandOf(event), again);
        expect(second).toEqual(decision);
        if (second.accepted) evolve(again, second.event);
      });
    }),
    { numRuns: SEQUENCES / 2 },
  );
});

test('an order, amendment, cancellation or trade decided a second time is refused', () => {
  fc.assert(
    fc.property(intentSequences, (intents) => {
      run(intents, ({ command, decision }, state) => {
        if (!decision.accepted || command.type === 'DepositFunds' || command.type === 'WithdrawFunds') return;
        expect(decide(command, state)).toMatchObject({ accepted: false });
      });
    }),
    { numRuns: SEQUENCES / 4 },
  );
});
