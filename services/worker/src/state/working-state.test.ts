import { type Order, UNIT } from '@tradestream/trading';
import { expect, test } from 'vitest';
import { WorkingState } from './working-state.ts';

const placed: Order = {
  orderId: 'o',
  userId: 'ann',
  symbol: 'BTC-USD',
  side: 'sell',
  price: UNIT,
  quantity: UNIT,
  filled: 0n,
  hold: UNIT,
  status: 'open',
  version: 1,
};

test('an order that a batch had closed is at hand after that batch has failed', () => {
  const state = new WorkingState({ entriesMax: 100 });
  const take = (order: Order) => {
    state.begin();
    state.order(order.orderId);
    state.setOrder(order);
    return state.take();
  };
  const placing = take(placed);
  const closing = take({ ...placed, status: 'cancelled', hold: 0n, version: 2 });
  state.forget(closing);
  state.forget(placing);
  take(placed);
  state.begin();
  expect(state.order('o')).toEqual(placed);
});

test('a refusal for an order that the ledger was seen not to have rests on its absence', () => {
  const state = new WorkingState({ entriesMax: 100 });
  state.begin();
  state.order('o');
  expect([...state.missingOrders]).toEqual(['o']);
  state.undo();
  state.loadAbsentOrder('o');
  state.begin();
  expect(state.order('o')).toBeUndefined();
  expect(state.assumedOrder).toBe('o');
});
