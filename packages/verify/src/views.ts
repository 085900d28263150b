import { formatAmount } from '@tradestream/trading';
import { Contradiction, expectHolds } from './contradiction.ts';
import type { History } from './history.ts';
import type { Market } from './model/market.ts';
import { differenceOf, sameOrder } from './model/replay.ts';
import { micros, readPages } from './pages.ts';
import type { Snapshot } from './snapshot.ts';
import { checkBalances, orderOf } from './state.ts';
import { quotientHalfUp, unitsOf } from './units.ts';
import { candleKey, type ViewFold } from './view-fold.ts';

/** Rows of the views by name, as they were compared. */
const VIEWS_BIT = 2;

/** Every row of every view is what the events up to its projection's position come to. @throws {Contradiction} */
export async function checkViews(snapshot: Snapshot, { market, views }: History): Promise<void> {
  if (snapshot.positions === null) return;
  checkPositions(snapshot);
  await checkBalances(snapshot, 'views.balances', market, (told) => told.shown?.value);
  await checkOrderView(snapshot, market);
  await checkTradeView(snapshot, views);
  await checkCandles(snapshot, views);
}

function checkPositions({ positions, partitions }: Snapshot): void {
  for (const [projection, seqs] of positions ?? []) {
    for (const [partition, seq] of seqs) {
      const eventSeq = partitions.get(partition)?.eventSeq ?? 0;
      expectHolds(
        'views',
        seq <= eventSeq,
        () => `projection ${projection} is at seq ${seq} of partition ${partition}, which ends at ${eventSeq}`,
      );
    }
  }
}

async function checkOrderView({ session }: Snapshot, market: Market): Promise<void> {
  type Row = Parameters<typeof orderOf>[0] & {
    readonly placed_at: number;
    readonly updated_at: number;
    readonly first_version: number;
  };
  const text = `SELECT id AS order_id, user_id, symbol, side, price::text, quantity::text, filled::text, hold::text, status,
                       version::float8 AS version, first_version::float8 AS first_version,
                       ${micros('placed_at')} AS placed_at, ${micros('updated_at')} AS updated_at FROM views.orders`;
  for await (const page of readPages<Row>(session, { text })) {
    for (const row of page) {
      const told = market.orders.get(row.order_id);
      const shown = told?.shown ?? null;
      if (told !== undefined) told.met |= VIEWS_BIT;
      const found = orderOf(row);
      expectHolds('views', shown !== null && sameOrder(found, shown.value), () => {
        const how = shown === null ? 'no event up to its position placed it' : differenceOf(found, shown.value);
        return `views.orders: ${row.order_id}: ${how}`;
      });
      const inTime =
        isAt(row.placed_at, shown?.firstAt) &&
        isAt(row.updated_at, shown?.lastAt) &&
        row.first_version === shown?.firstVersion;
      expectHolds(
        'views',
        inTime,
        () => `views.orders: ${row.order_id}: placed_at, updated_at or first_version are not those of its events`,
      );
    }
  }
  for (const [orderId, { shown, met }] of market.orders) {
    expectHolds(
      'views',
      shown === null || (met & VIEWS_BIT) !== 0,
      () => `views.orders: ${orderId} is missing, its events give version ${shown?.value.version}`,
    );
  }
}

/** Null: nobody knows. */
function isAt(found: number, should: number | null | undefined): boolean {
  return should === null || found === should;
}

async function checkTradeView({ session }: Snapshot, { executed }: ViewFold): Promise<void> {
  type Row = {
    readonly id: string;
    readonly order_id: string;
    readonly user_id: string;
    readonly symbol: string;
    readonly side: string;
    readonly quantity: string;
    readonly price: string;
    readonly cost: string;
    readonly timestamp: number;
  };
  const text = `SELECT id, order_id, user_id, symbol, side, quantity::text, price::text, cost::text, ${micros('timestamp')} AS timestamp
                       FROM views.trades`;
  let count = 0;
  for await (const page of readPages<Row>(session, { text })) {
    for (const row of page) {
      const should = executed.get(row.order_id);
      expectHolds(
        'views',
        should !== undefined,
        () => `views.trades: no event up to its position executed order ${row.order_id}`,
      );
      if (should === undefined) continue;
      const price = quotientHalfUp(should.cost, should.quantity);
      const fits =
        row.id === row.order_id &&
        row.user_id === should.userId &&
        row.symbol === should.symbol &&
        row.side === should.side &&
        unitsOf(row.quantity) === should.quantity &&
        unitsOf(row.cost) === should.cost &&
        unitsOf(row.price) === price &&
        row.timestamp === should.timestamp;
      expectHolds('views', fits, () => {
        const is = `${row.quantity} at ${row.price}`;
        const give = `${formatAmount(should.quantity)} at ${formatAmount(price)}`;
        return `views.trades: order ${row.order_id} shows ${is}, its events give ${give}`;
      });
    }
    count += page.length;
  }
  if (count !== executed.size) await nameMissing(session, executed);
}

/** Which order of the fold has no row. */
async function nameMissing(session: Snapshot['session'], executed: ViewFold['executed']): Promise<never> {
  const left = new Set(executed.keys());
  for await (const page of readPages<{ order_id: string }>(session, { text: 'SELECT order_id FROM views.trades' })) {
    for (const { order_id } of page) left.delete(order_id);
  }
  const [orderId] = left;
  throw new Contradiction('views', `views.trades: order ${orderId} has executed and is missing`);
}

async function checkCandles({ session }: Snapshot, { candles }: ViewFold): Promise<void> {
  type Row = {
    readonly symbol: string;
    readonly minute: number;
    readonly prices: readonly string[];
    readonly count: number;
    readonly places: readonly number[];
  };
  const text = `SELECT symbol, ${micros('minute')} AS minute, ARRAY[open, high, low, close, volume, quote_volume]::text[] AS prices,
                       count::float8 AS count,
                       ARRAY[${micros('opened_at')}, opened_partition, opened_seq, ${micros('closed_at')}, closed_partition, closed_seq] AS places
                FROM views.candles`;
  const met = new Set<string>();
  for await (const page of readPages<Row>(session, { text })) {
    for (const { symbol, minute, prices, count, places } of page) {
      const key = candleKey(symbol, minute);
      const candle = candles.get(key);
      met.add(key);
      const should =
        candle === undefined
          ? []
          : [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.quoteVolume];
      const shouldPlaces =
        candle === undefined
          ? []
          : [candle.opened, candle.closed].flatMap((at) => [at.executedAt, at.partition, at.seq]);
      const fits =
        candle !== undefined &&
        candle.count === count &&
        should.every((value, index) => unitsOf(prices[index] ?? '0') === value) &&
        shouldPlaces.every((value, index) => places[index] === value);
      expectHolds('views', fits, () => {
        const give =
          candle === undefined ? 'no trade' : `${candle.count} trades: ${should.map(formatAmount).join(' ')}`;
        return `views.candles: ${nameOf(symbol, minute)} shows ${count} trades: ${prices.join(' ')}; the events give ${give}`;
      });
    }
  }
  for (const [key, { symbol, minute }] of candles) {
    expectHolds('views', met.has(key), () => `views.candles: ${nameOf(symbol, minute)} is missing`);
  }
}

function nameOf(symbol: string, minute: number): string {
  return `${symbol} ${new Date(minute / 1_000).toISOString().slice(0, 16)}`;
}
