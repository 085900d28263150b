import { expect, test } from 'vitest';
import { problemAnswer, publishedAnswer, receiptAnswer } from './command-answers.ts';
import { alertAnswer, deadLetterAnswer, lagAnswer, replicationAnswer } from './monitor-answers.ts';
import { balancesAnswer, candleAnswer, fillAnswer, listAnswer, orderAnswer, tradeAnswer } from './view-answers.ts';

const id = '0190a5c4-7b1e-7c3a-9f4e-2b8d1a6c5e3f';
const time = '2021-01-08T00:00:00.278Z';
const place = { topic: 'trade-commands', partition: 1, offset: 9 };
const what = { orderId: 'o-1', userId: 'u-1', symbol: 'BTC-USD', side: 'buy', price: '40000.5', quantity: '0.5' };

test('the answers of the documented shapes are of these shapes', () => {
  const receipt = {
    commandId: id,
    ...place,
    batch: 4,
    index: 0,
    events: [{ partition: 1, seq: 2, type: 'OrderPlaced' }],
    conflicts: [place],
    token: 't',
  };
  expect(publishedAnswer.parse({ commandId: id, ...place })).toEqual({ commandId: id, ...place });
  expect(receiptAnswer.parse({ ...receipt, outcome: 'applied' })).toMatchObject({ outcome: 'applied' });
  expect(
    receiptAnswer.parse({
      ...receipt,
      outcome: 'parked',
      reason: 'BEHIND_PARKED',
      batch: null,
      index: null,
      events: [],
    }),
  ).toMatchObject({ reason: 'BEHIND_PARKED' });
  expect(
    problemAnswer.parse({
      type: 'about:blank',
      title: 't',
      status: 400,
      code: 'MALFORMED_COMMAND',
      field: 'price',
      rule: 'r',
      index: 3,
      more: 1,
    }),
  ).toMatchObject({ more: 1 });
  expect(
    balancesAnswer.parse({ userId: 'u', balances: [{ asset: 'USD', available: '0', held: '0.1' }] }),
  ).toBeDefined();
  expect(
    orderAnswer.parse({ ...what, filled: '0', hold: '20000.25', status: 'open', placedAt: time, updatedAt: time }),
  ).toBeDefined();
  expect(
    listAnswer(tradeAnswer).parse({ items: [{ id: 'o-1', ...what, timestamp: time }], nextCursor: null }),
  ).toBeDefined();
  expect(fillAnswer.parse({ tradeId: '9', ...what, cost: '20000.25', timestamp: time })).toBeDefined();
  expect(
    candleAnswer.parse({
      symbol: 'BTC-USD',
      minute: time,
      open: '1',
      high: '2',
      low: '1',
      close: '2',
      volume: '3',
      quoteVolume: '5',
      count: 2,
    }),
  ).toBeDefined();
});

test('what the monitor does not know is null, never absent', () => {
  const partition = {
    topic: 't',
    partition: 0,
    committed: null,
    start: null,
    end: 5,
    lag: null,
    lagSeconds: null,
    state: 'STOP',
    lost: null,
    secondsUntilLoss: null,
    memberId: null,
    clientId: null,
    host: null,
  };
  const lagOf = (of: object) => ({
    sampledAt: time,
    groups: [
      {
        group: 'g',
        state: 'Empty',
        protocol: 'classic',
        members: null,
        verdict: 'STOP',
        totalLag: null,
        maxLagSeconds: null,
        partitions: [of],
      },
    ],
    database: [],
  });
  expect(lagAnswer.parse(lagOf(partition))).toBeDefined();
  for (const field of ['committed', 'lag', 'lagSeconds', 'lost', 'host'])
    expect(lagAnswer.safeParse(lagOf({ ...partition, [field]: undefined })).success, field).toBe(false);
  const node = {
    name: 'replica-1',
    role: 'replica',
    syncState: 'quorum',
    lagBytes: 0,
    lagSeconds: null,
    healthy: true,
    problem: '',
    timeline: null,
    replayPaused: null,
    streaming: null,
    conflicts: null,
  };
  expect(replicationAnswer.parse({ nodes: [node], slots: [] })).toBeDefined();
  expect(replicationAnswer.safeParse({ nodes: [{ ...node, lagSeconds: undefined }], slots: [] }).success).toBe(false);
  expect(
    alertAnswer.parse({
      name: 'a',
      severity: 'warning',
      state: 'firing',
      summary: 's',
      runbook: 'r',
      startsAt: time,
      endsAt: null,
      labels: {},
    }),
  ).toBeDefined();
  expect(
    deadLetterAnswer.parse({
      id: '1',
      commandId: null,
      ...place,
      key: null,
      reason: 'BAD_MAGIC',
      message: 'm',
      parkedAt: time,
      attempts: 1,
      waiting: 0,
      status: 'parked',
    }),
  ).toBeDefined();
});

test('an amount is canonical or it is none', () => {
  const withHeld = (held: string) =>
    balancesAnswer.safeParse({ userId: 'u', balances: [{ asset: 'USD', available: '1', held }] }).success;
  expect(['0', '10', '0.1', '-5', '-0.000000000000000001', '100000000000000000000'].map(withHeld)).not.toContain(false);
  expect(['', '1.0', '01', '-0', '1e3', '.5', '1.', '+1', 'NaN'].map(withHeld)).not.toContain(true);
});
