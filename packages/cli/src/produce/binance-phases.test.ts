import { decide, evolve, InMemoryState } from '@tradestream/trading';
import { expect, test } from 'vitest';
import { binancePhases } from './binance-phases.ts';
import { BINANCE_COLUMNS, parseBinanceTrade } from './binance-trade.ts';
import type { InputItem } from './input-item.ts';

const FILE = new URL('../../data/binance-btcusdt-trades-2021-01-08.csv', import.meta.url).pathname;

test('every trade of the file executes, and each command has an id of its own', async () => {
  const phases = await binancePhases(FILE);
  const state = new InMemoryState();
  const events = new Map<string, number>();
  const ids = new Set<string>();
  for (const phase of phases) {
    let count = 0;
    for await (const item of phase.items()) {
      if (!item.ok) throw new Error(`${item.line} ${item.field} ${item.rule}`);
      const decision = decide(item.command, state);
      if (!decision.accepted) throw new Error(`${item.line} ${decision.reason}`);
      evolve(state, decision.event);
      events.set(decision.event.type, (events.get(decision.event.type) ?? 0) + 1);
      ids.add(item.commandId);
      count += 1;
    }
    expect(count).toBe(phase.commandCount);
  }
  expect(Object.fromEntries(events)).toEqual({ FundsDeposited: 4_002, OrderPlaced: 4_002, TradeExecuted: 2_001 });
  expect(ids.size).toBe(10_005);
});

test('two passes over the file give the same commands under the same ids', async () => {
  const [first, second] = await Promise.all([binancePhases(FILE), binancePhases(FILE)]);
  for (const [index, phase] of first.entries()) {
    expect(await firstItems(phase.items())).toEqual(await firstItems(second[index]?.items() ?? empty()));
  }
});

test('the order that rested is placed before the one that took it', async () => {
  const [, trading] = await binancePhases(FILE);
  const [rested, taker, execute] = await firstItems(trading?.items() ?? empty());
  expect([rested, taker, execute].map((item) => (item?.ok === true ? item.command : item))).toMatchObject([
    { type: 'PlaceOrder', side: 'buy', orderId: '553287559-buy' },
    { type: 'PlaceOrder', side: 'sell', orderId: '553287559-sell' },
    { type: 'ExecuteTrade', tradeId: '553287559', executedAt: Date.parse('2021-01-08T00:00:00.278Z') * 1_000 },
  ]);
});

test.each([
  ['1,2021-01-08T00:00:00.278Z,1.5,2,maybe', 'buyer_maker'],
  ['1,2021-01-08 00:00:00,1.5,2,true', 'timestamp'],
  ['1,2021-01-08T00:00:00.278Z,1e5,2,true', 'price'],
  ['1,2021-01-08T00:00:00.278Z,1.5,0,true', 'quantity'],
  ['one,2021-01-08T00:00:00.278Z,1.5,2,true', 'trade_id'],
  ['1,2021-01-08T00:00:00.278Z,1.5,2', 'columns'],
])('%s breaks the rule of %s', (row, field) => {
  expect(BINANCE_COLUMNS).toHaveLength(5);
  expect(parseBinanceTrade(row)).toMatchObject({ ok: false, field });
});

async function firstItems(items: AsyncIterable<InputItem>): Promise<InputItem[]> {
  const first: InputItem[] = [];
  for await (const item of items) {
    first.push(item);
    if (first.length === 3) break;
  }
  return first;
}

async function* empty(): AsyncGenerator<InputItem> {}
