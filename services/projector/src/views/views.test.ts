import {
  type EventEnvelope,
  formatAmount,
  type Order,
  type Side,
  type TradeExecuted,
  UNIT,
} from '@tradestream/trading';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VIEWS } from './all-views.ts';
import { BALANCES } from './balances-view.ts';
import { CANDLES } from './candles-view.ts';
import { FILLS } from './fills-view.ts';
import { ORDERS } from './orders-view.ts';
import { TRADES } from './trades-view.ts';
import { foldRows, type ViewDefinition, viewFrom } from './view.ts';

type Draw = {
  readonly buy: number;
  readonly sell: number;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly executedAt: number;
  readonly partition: number;
};

const foldOf =
  <Row>(definition: ViewDefinition<Row>) =>
  (envelopes: readonly EventEnvelope[]): readonly Row[] =>
    foldRows(definition, envelopes);
/** The views of what was executed. */
const TRADE_FOLDS = [foldOf(TRADES), foldOf(FILLS), foldOf(CANDLES)] as const;
const MINUTE = 60_000_000;
const DAY = 1_610_064_000_000_000;

const draws = fc.array(
  fc.record<Draw>({
    buy: fc.integer({ min: 0, max: 3 }),
    sell: fc.integer({ min: 0, max: 3 }),
    price: fc.bigInt({ min: 1n, max: 10n ** 38n - 1n }),
    quantity: fc.bigInt({ min: 1n, max: 10n ** 38n - 1n }),
    // Few times, so that many trades share one and their places decide.
    executedAt: fc.integer({ min: 0, max: 5 }).map((step) => DAY + step * (MINUTE / 2)),
    partition: fc.integer({ min: 0, max: 1 }),
  }),
  { maxLength: 40 },
);
/** Trades at their places, and the same in another order with some of them lying apart. */
const shuffled = draws
  .map(tradesOf)
  .chain((trades) => fc.tuple(fc.constant(trades), fc.shuffledSubarray(trades, { minLength: trades.length })));

test('whatever the order of arrival, each view has the same rows', () => {
  fc.assert(
    fc.property(shuffled, ([trades, again]) => {
      for (const fold of [...TRADE_FOLDS, foldOf(BALANCES), foldOf(ORDERS)]) expect(fold(again)).toEqual(fold(trades));
    }),
  );
});

test('a trade row sums the fills of its order and has the time of the last', () => {
  fc.assert(
    fc.property(shuffled, ([, trades]) => {
      for (const row of foldRows(TRADES, trades)) {
        const fills = executed(trades).filter(({ buyOrderId, sellOrderId }) =>
          [buyOrderId, sellOrderId].includes(row.orderId),
        );
        expect(row.quantity).toBe(fills.reduce((sum, { quantity }) => sum + quantity, 0n));
        expect(row.cost).toBe(fills.reduce((sum, { cost }) => sum + cost, 0n));
        expect(row.timestamp).toBe(Math.max(...fills.map(({ executedAt }) => executedAt)));
        expect(row.side).toBe(row.orderId.startsWith('b') ? 'buy' : 'sell');
      }
      const orders = executed(trades).flatMap(({ buyOrderId, sellOrderId }) => [buyOrderId, sellOrderId]);
      expect(foldRows(TRADES, trades).map(({ orderId }) => orderId)).toEqual([...new Set(orders)].toSorted());
    }),
  );
});

test('a candle opens with its first trade by time, partition and sequence, and closes with its last', () => {
  fc.assert(
    fc.property(shuffled, ([, trades]) => {
      const minutes = Map.groupBy(trades, ({ event }) => Math.floor(timeOf(event) / MINUTE) * MINUTE);
      const candles = foldRows(CANDLES, trades);
      expect(candles.map(({ minute }) => minute)).toEqual([...minutes.keys()].toSorted((a, b) => a - b));
      for (const { minute, open, high, low, close, volume, quoteVolume, count } of candles) {
        const inOrder = executed((minutes.get(minute) ?? []).toSorted(byPlace));
        const prices = inOrder.map(({ price }) => price);
        expect(open).toBe(prices[0]);
        expect(close).toBe(prices.at(-1));
        expect(prices.every((price) => low <= price && price <= high)).toBe(true);
        expect(prices).toEqual(expect.arrayContaining([low, high]));
        expect(volume).toBe(inOrder.reduce((sum, { quantity }) => sum + quantity, 0n));
        expect(quoteVolume).toBe(inOrder.reduce((sum, { cost }) => sum + cost, 0n));
        expect(count).toBe(inOrder.length);
      }
    }),
  );
});

test('a late trade becomes the open of its minute and leaves the close', () => {
  const [early, late] = [trade({ at: DAY + 1, price: 7n, seq: 2 }), trade({ at: DAY + 2, price: 5n, seq: 1 })];
  const [candle] = foldRows(CANDLES, [late, early]);
  expect(candle).toMatchObject({ open: 7n, close: 5n, minute: DAY, opened: { executedAt: DAY + 1, seq: 2 } });
});

test('a trade has two fills, one for each side', () => {
  const envelope = trade({ at: DAY, price: 3n * UNIT, seq: 1 });
  const fills = foldRows(FILLS, [envelope]);
  expect(fills.map(({ orderId, userId, side, cost }) => [orderId, userId, side, formatAmount(cost)])).toEqual([
    ['b0', 'user-b0', 'buy', '3'],
    ['s0', 'user-s0', 'sell', '3'],
  ]);
});

test('balances and orders are those of the highest version; an order keeps the time of its lowest', () => {
  const versions = [2, 1, 3].map((version) => placed(version));
  expect(foldRows(BALANCES, versions)).toEqual([
    { userId: 'ann', asset: 'USD', available: 3n * UNIT, held: 0n, version: 3 },
  ]);
  const [row] = foldRows(ORDERS, versions);
  expect(row).toMatchObject({ placedAt: 1_000, updatedAt: 3_000, firstVersion: 1, version: 3 });
});

test('each view has its rows from the values alone that it says it reads', () => {
  const folds = [
    [BALANCES.values, foldOf(BALANCES)],
    [CANDLES.values, foldOf(CANDLES)],
    [FILLS.values, foldOf(FILLS)],
    [ORDERS.values, foldOf(ORDERS)],
    [TRADES.values, foldOf(TRADES)],
  ] as const;
  fc.assert(
    fc.property(shuffled, ([, trades]) => {
      const events = [...trades, placed(1), placed(2)];
      for (const [values, fold] of folds) {
        const none = values === 'orders' ? { balances: [] } : { orders: [] };
        const alone = events.map((envelope) => ({ ...envelope, event: { ...envelope.event, ...none } }));
        expect(fold(alone)).toEqual(fold(events));
      }
    }),
  );
});

test('many rows are written some at a time, each once', () => {
  const count = 4_001;
  const fold = viewFrom(FILLS).begin();
  for (let index = 0; index < count; index += 1) {
    const [made] = tradesOf([{ ...DRAW, buy: index, sell: index }]);
    if (made?.event.type !== 'TradeExecuted') throw new Error('one draw makes one trade');
    fold.take({ ...made, event: { ...made.event, tradeId: `t${index}` } });
  }
  const slices = [...fold.slices('views_next.fills')];
  expect(slices.map(({ text }) => text.includes('INTO views_next.fills'))).toEqual([true, true, true]);
  const rows = slices.map(({ values }) => (Buffer.isBuffer(values?.[0]) ? values[0].readInt32BE(12) : 0));
  expect(rows).toEqual([4_000, 4_000, 2]);
});

test('a rejected command changes no view', () => {
  const command = { type: 'CancelOrder', orderId: 'b0', symbol: 'BTC-USD' } as const;
  const rejected = envelopeOf({ type: 'CommandRejected', reason: 'UNKNOWN_ORDER', command }, { partition: 0, seq: 1 });
  for (const view of VIEWS) {
    const fold = view.begin();
    fold.take(rejected);
    expect(fold.statements()).toEqual([]);
  }
});

test('a trade without both of its orders, or of nothing, is refused by every view that reads it', () => {
  const whole = trade({ at: DAY, price: UNIT, seq: 1 });
  const [event] = executed([whole]);
  if (event === undefined) throw new Error('a trade is executed');
  for (const broken of [
    { ...event, orders: event.orders.slice(0, 1) },
    { ...event, orders: [order('b0', 'sell', 1), order('s0', 'sell', 1)] },
    { ...event, quantity: 0n },
    { ...event, price: 0n },
  ]) {
    for (const fold of TRADE_FOLDS) expect(() => fold([{ ...whole, event: broken }])).toThrow(RangeError);
  }
  expect(() => foldRows(FILLS, [whole, whole])).toThrow('a trade executes once');
});

test('statements carry their rows sorted by key, as every projector locks them', () => {
  const trades = tradesOf([3, 1, 2, 0].map((each) => ({ ...DRAW, buy: each, sell: each })));
  expect(foldRows(TRADES, trades).map(({ orderId }) => orderId)).toEqual([
    'b0',
    'b1',
    'b2',
    'b3',
    's0',
    's1',
    's2',
    's3',
  ]);
});

const DRAW: Draw = { buy: 0, sell: 0, price: UNIT, quantity: UNIT, executedAt: DAY, partition: 0 };

function tradesOf(all: readonly Draw[]): EventEnvelope[] {
  const seqs = [0, 0];
  return all.map(({ buy, sell, price, quantity, executedAt, partition }, index) => {
    const seq = (seqs[partition] ?? 0) + 1;
    seqs[partition] = seq;
    const orders = [order(`b${buy}`, 'buy', index + 1), order(`s${sell}`, 'sell', index + 1)];
    const ids = { tradeId: `t${index}`, symbol: 'BTC-USD', buyOrderId: `b${buy}`, sellOrderId: `s${sell}` };
    const cost = (price * quantity) / UNIT;
    const event = { type: 'TradeExecuted', ...ids, price, quantity, executedAt, cost, balances: [], orders } as const;
    return envelopeOf(event, { partition, seq });
  });
}

function trade({ at, price, seq }: { at: number; price: bigint; seq: number }): EventEnvelope {
  const [made] = tradesOf([{ ...DRAW, price, executedAt: at }]);
  if (made === undefined) throw new Error('one draw makes one trade');
  return { ...made, seq };
}

function placed(version: number): EventEnvelope {
  const balances = [{ userId: 'ann', asset: 'USD', available: BigInt(version) * UNIT, held: 0n, version }];
  const orders = [order('b0', 'buy', version)];
  const event = { type: 'OrderAmended', orderId: 'b0', symbol: 'BTC-USD', price: null, quantity: null } as const;
  return envelopeOf({ ...event, balances, orders }, { partition: 0, seq: version });
}

function order(orderId: string, side: Side, version: number): Order {
  const amounts = { price: UNIT, quantity: UNIT, filled: 0n, hold: 0n };
  return { orderId, userId: `user-${orderId}`, symbol: 'BTC-USD', side, ...amounts, status: 'open', version };
}

function envelopeOf(event: EventEnvelope['event'], place: { partition: number; seq: number }): EventEnvelope {
  const commandId = '0190f000-0000-7000-8000-000000000000';
  return { ...place, timeline: 1, batch: place.seq, commandId, occurredAt: place.seq * 1_000, event };
}

function executed(envelopes: readonly EventEnvelope[]): readonly TradeExecuted[] {
  return envelopes.flatMap(({ event }) => (event.type === 'TradeExecuted' ? [event] : []));
}

function timeOf(event: EventEnvelope['event']): number {
  return event.type === 'TradeExecuted' ? event.executedAt : 0;
}

function byPlace(a: EventEnvelope, b: EventEnvelope): number {
  return timeOf(a.event) - timeOf(b.event) || a.partition - b.partition || a.seq - b.seq;
}
