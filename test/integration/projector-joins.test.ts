import { migrate, openSession, type Session } from '@tradestream/database';
import { createLogger } from '@tradestream/runtime';
import { type EventEnvelope, type Order, UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { SeededRandom } from '../../bench/src/random.ts';
import { VIEWS } from '../../services/projector/src/views/all-views.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { expectedViews, storedViews } from '../support/view-oracle.ts';

const LIMIT = 10n ** 38n;
let database: ScratchDatabase;
let session: Session;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'projector-joins');
  const log = createLogger({ service: 'projector-joins', level: 'warn' });
  await migrate({ url: database.url, folder: 'schemas/sql/views', schema: 'views', log });
  session = await openSession({ url: database.url, applicationName: 'projector-joins', connectTimeoutMs: 30_000 });
});
afterAll(async () => {
  await session.close();
  await database.close();
});

test('in any order and cut into any batches, the rows in the database are those of all events at once', async () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const random = new SeededRandom(seed);
    const events = drawHistory(random);
    await session.query({ text: 'TRUNCATE views.trades, views.fills, views.orders, views.balances, views.candles' });
    for (const batch of cutUp(shuffle(events, random), random)) await project(batch);
    const stored = await storedViews({ rows: async (text) => (await session.query<never>({ text })).rows });
    expect(stored, `seed ${seed}`).toEqual(expectedViews(events));
  }
});

async function project(batch: readonly EventEnvelope[]): Promise<void> {
  for (const view of VIEWS) {
    const fold = view.begin();
    for (const event of batch) fold.take(event);
    for (const statement of fold.statements()) await session.query(statement);
  }
}

/** Trades of a few orders in a few minutes over two partitions, with amounts from the smallest to the largest. */
function drawHistory(random: SeededRandom): EventEnvelope[] {
  const seqs = [0, 0];
  const versions = new Map<string, number>();
  const next = (key: string) => {
    const version = (versions.get(key) ?? 0) + 1;
    versions.set(key, version);
    return version;
  };
  const amount = () => 1n + BigInt(random.below(2 ** 31)) ** BigInt(1 + random.below(4));
  return Array.from({ length: 60 }, (_, index) => {
    const partition = random.below(2);
    const seq = (seqs[partition] ?? 0) + 1;
    seqs[partition] = seq;
    const orders = (['buy', 'sell'] as const).map((side): Order => {
      const orderId = `${side}-${random.below(4)}`;
      const owner = { orderId, userId: `u-${orderId}`, symbol: 'BTC-USD', side } as const;
      const values = { price: amount(), quantity: LIMIT - 1n, filled: amount(), hold: amount() };
      return { ...owner, ...values, status: 'partially_filled', version: next(orderId) };
    });
    const balances = orders.map(({ userId }) => {
      const asset = random.next() < 0.5 ? 'BTC' : 'USD';
      return { userId, asset, available: amount(), held: amount(), version: next(`${userId} ${asset}`) };
    });
    const price = amount();
    // What it costs is an amount as well.
    const quantity = price < UNIT ? amount() : 1n + amount() / (price / UNIT + 1n);
    const event = {
      type: 'TradeExecuted',
      tradeId: `t${index}`,
      symbol: 'BTC-USD',
      buyOrderId: orders[0]?.orderId ?? '',
      sellOrderId: orders[1]?.orderId ?? '',
      price,
      quantity,
      executedAt: 1_610_064_000_000_000 + random.below(7) * 30_000_000,
      cost: (price * quantity) / UNIT,
      balances,
      orders,
    } as const;
    const occurredAt = 1_700_000_000_000_000 + index * 1_000;
    return { partition, seq, timeline: 1, batch: index, commandId: String(index), occurredAt, event };
  });
}

function shuffle(events: readonly EventEnvelope[], random: SeededRandom): readonly EventEnvelope[] {
  return events
    .map((event) => ({ event, rank: random.next() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ event }) => event);
}

function cutUp(events: readonly EventEnvelope[], random: SeededRandom): readonly (readonly EventEnvelope[])[] {
  const batches: EventEnvelope[][] = [[]];
  for (const event of events) {
    if (random.next() < 0.2) batches.push([]);
    batches.at(-1)?.push(event);
  }
  return batches;
}
