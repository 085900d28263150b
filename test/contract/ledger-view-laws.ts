import type { Session, Statement } from '@tradestream/database';
import { expect, test } from 'vitest';
import type { Position, PositionMove } from '../../services/projector/src/position.ts';
import { loadPositions, type StoredPosition, writeBatch } from '../../services/projector/src/view-store.ts';
import { BALANCES } from '../../services/projector/src/views/balances-view.ts';
import { CANDLES, type CandleRow } from '../../services/projector/src/views/candles-view.ts';
import { FILLS } from '../../services/projector/src/views/fills-view.ts';
import { ORDERS } from '../../services/projector/src/views/orders-view.ts';
import { TRADES } from '../../services/projector/src/views/trades-view.ts';
import type { ViewDefinition } from '../../services/projector/src/views/view.ts';
import {
  first,
  freshName,
  freshPartitions,
  holdOpen,
  type LawTable,
  ONE,
  orderOf,
  outcomeOf,
  rollBack,
  transact,
  waitsFor,
} from './ledger-law-table.ts';

const OPTIONS = { commitTimeoutMs: 30_000 } as const;
const MINUTE = 1_700_000_040_000_000;

export function viewLaws(table: LawTable): void {
  positionLaws(table);
  versionLaws(table);
  sumLaws(table);
}

function positionLaws(table: LawTable): void {
  test('positions begin at zero and move only from where they stand, in the version that is read', async () => {
    const session = await table.projector();
    const keys = { projections: ['balances', 'orders'], partitions: freshPartitions(1) };
    const [one, two] = inOrder(await loadPositions(session, keys));
    if (one === undefined || two === undefined) throw new Error('two positions were made');
    const [partition] = keys.partitions;
    const zero = { version: 1, partition, seq: 0, nextOffset: 0, timeline: 0 };
    expect([one, two]).toEqual([
      { projection: 'balances', ...zero },
      { projection: 'orders', ...zero },
    ]);
    const user = freshName();
    const write = async (...moves: readonly PositionMove[]) => {
      const row = { userId: user, asset: 'USD', available: ONE, held: 0n, version: 1 };
      const writes = [{ projection: 'balances', statements: [BALANCES.upsert([row], 'views.balances')] }];
      const failure = await writeBatch(session, { moves, writes }, OPTIONS);
      return failure === null ? 'done' : await outcomeOf(Promise.reject(failure.error));
    };
    const to = { seq: 4, nextOffset: 6, timeline: 1 };
    expect(await write(moveOf(one, to), moveOf({ ...two, seq: 1 }, to))).toBe('TS002');
    expect(await write(moveOf({ ...one, nextOffset: 1 }, to))).toBe('TS002');
    expect(await write(moveOf({ ...one, version: 2 }, to))).toBe('TS002');
    expect(await write(moveOf({ ...one, partition: first(freshPartitions(1)) }, to))).toBe('TS002');
    expect(inOrder(await loadPositions(session, keys))).toEqual([one, two]);
    expect(await table.server().viewRows('balances', user)).toEqual([]);
    expect(await write(moveOf(two, to), moveOf(one, to))).toBe('done');
    expect(inOrder(await loadPositions(session, keys))).toEqual([
      { ...one, ...to },
      { ...two, ...to },
    ]);
    expect(await table.server().viewRows('balances', user)).toHaveLength(1);
  });

  test('of two projectors at one place the second waits, and moves only if the first is taken back', async () => {
    const [a, b] = [await table.projector(), await table.projector()];
    const keys = { projections: ['fills'], partitions: freshPartitions(1) };
    const start = first(await loadPositions(a, keys));
    const to = { seq: 1, nextOffset: 1, timeline: 1 };
    const write = (session: Session, from: StoredPosition, next: Position) =>
      writeBatch(session, { moves: [moveOf(from, next)], writes: [] }, OPTIONS);
    const next = { ...start, ...to };
    for (const [from, target, end] of [
      [start, to, 'ROLLBACK'],
      [next, { ...to, seq: 2 }, 'COMMIT'],
    ] as const) {
      const ending = Promise.withResolvers<void>();
      const holding = write(endedBy(a, ending.promise, end), from, target);
      // Whoever comes second must find the lock taken.
      await loadPositions(a, keys);
      const second = write(b, from, target);
      await waitsFor(table, b, a);
      ending.resolve();
      expect(await holding).toBeNull();
      if (end === 'ROLLBACK') expect(await second).toBeNull();
      else expect(await second).toMatchObject({ error: { code: 'TS002' }, projection: null });
    }
  });
}

/** Both ways of writing a row: as one that is most likely new, and as one that most likely stands. */
const WAYS = ['upsert', 'revise'] as const;

function statementFor<Row>(view: ViewDefinition<Row>, way: (typeof WAYS)[number], row: Row): Statement {
  const table = `views.${view.name}`;
  if (way === 'upsert') return view.upsert([row], table);
  if (view.revises === null) throw new Error(`rows of ${view.name} are not revised`);
  return view.revises.statement([row], table);
}

function versionLaws(table: LawTable): void {
  test.each(WAYS)(
    '%s: of balances and orders the higher version stands, whatever the order of arrival',
    async (way) => {
      const session = await table.projector();
      const [user, id] = [freshName(), freshName()];
      const balance = (version: number) => {
        const row = { userId: user, asset: 'USD', available: BigInt(version) * ONE, held: 0n, version };
        return statementFor(BALANCES, way, row);
      };
      const order = (version: number) => {
        const at = MINUTE + version;
        const row = { ...orderOf(id, { version, filled: BigInt(version) }), updatedAt: at, placedAt: at };
        return statementFor(ORDERS, way, { ...row, firstVersion: version });
      };
      for (const version of [2, 4, 3, 1, 4]) {
        expect(await transact(session, balance(version), order(version))).toEqual(['done', 'done', 'done']);
      }
      expect(await table.server().viewRows('balances', user)).toEqual([
        { asset: 'USD', available: `4.${'0'.repeat(18)}`, held: `0.${'0'.repeat(18)}`, version: '4' },
      ]);
      expect(await table.server().viewRows('orders', id)).toEqual([
        {
          status: 'open',
          price: `2.${'0'.repeat(18)}`,
          filled: `0.${'0'.repeat(17)}4`,
          version: '4',
          first_version: '1',
          placed_at: String(MINUTE + 1),
          updated_at: String(MINUTE + 4),
        },
      ]);
      const wrong = { userId: user, asset: 'USD', available: -1n, held: 0n, version: 9 };
      expect(await outcomeOf(session.query(statementFor(BALANCES, way, wrong)))).toBe('23514');
    },
  );

  test.each(WAYS)(
    '%s: a row of a view that another writes is waited for, and joined with what that leaves',
    async (way) => {
      const [a, b] = [await table.projector(), await table.projector()];
      const user = freshName();
      const balance = (version: number) =>
        statementFor(BALANCES, way, { userId: user, asset: 'USD', available: 0n, held: 0n, version });
      for (const [held, waiting, standing] of [
        [2, 1, '2'],
        [3, 4, '4'],
      ] as const) {
        await holdOpen(a, balance(held));
        const joined = transact(b, balance(waiting));
        await waitsFor(table, b, a);
        await a.commit();
        expect(await joined).toEqual(['done', 'done']);
        expect(first(await table.server().viewRows('balances', user))['version']).toBe(standing);
      }
    },
  );
}

function sumLaws(table: LawTable): void {
  test('fills of an order and of a minute add up, prices are rounded half up, and a fill stands once', async () => {
    const session = await table.projector();
    const [id, symbol] = [freshName(), freshName()];
    const trade = (quantity: bigint, cost: bigint, timestamp: number) => {
      const row = { orderId: id, userId: 'ann', symbol, side: 'buy', quantity, cost, timestamp } as const;
      return TRADES.upsert([row], 'views.trades');
    };
    const minute = [candle(symbol, 5, 20n), candle(symbol, 9, 7n), candle(symbol, 2, 30n)];
    const candles = minute.map((row) => CANDLES.upsert([row], 'views.candles'));
    const trades = [trade(ONE, ONE, MINUTE + 5), trade(2n * ONE, ONE, MINUTE + 9), trade(3n * ONE, 1n, MINUTE + 2)];
    expect(new Set(await transact(session, ...trades, ...candles))).toEqual(new Set(['done']));
    expect(await table.server().viewRows('trades', id)).toEqual([
      {
        quantity: `6.${'0'.repeat(18)}`,
        cost: `2.${'0'.repeat(17)}1`,
        // (2 + 1e-18) / 6 = 0.3333333333333333335
        price: '0.333333333333333334',
        timestamp: String(MINUTE + 9),
      },
    ]);
    expect(await table.server().viewRows('candles', symbol)).toEqual([
      {
        minute: String(MINUTE),
        open: `30.${'0'.repeat(18)}`,
        high: `30.${'0'.repeat(18)}`,
        low: `7.${'0'.repeat(18)}`,
        close: `7.${'0'.repeat(18)}`,
        volume: `3.${'0'.repeat(18)}`,
        quote_volume: `57.${'0'.repeat(18)}`,
        count: '3',
        opened_seq: '2',
        closed_seq: '9',
      },
    ]);
    const fill = { tradeId: id, orderId: id, userId: 'ann', symbol, side: 'buy', timestamp: MINUTE } as const;
    const fills = FILLS.upsert([{ ...fill, price: ONE, quantity: ONE, cost: ONE }], 'views.fills');
    expect(await transact(session, fills)).toEqual(['done', 'done']);
    expect(await transact(session, fills)).toEqual(['23505', 'DB_COMMIT_ROLLED_BACK']);
  });
}

/** A session whose transaction ends in this way, and when it is told to. */
function endedBy(session: Session, told: Promise<void>, end: 'COMMIT' | 'ROLLBACK'): Session {
  return {
    backendPid: session.backendPid,
    closed: session.closed,
    query: (statement) => session.query(statement),
    pipeline: (statements) => session.pipeline(statements),
    commit: async () => {
      await told;
      await (end === 'COMMIT' ? session.commit() : rollBack(session));
    },
    close: () => session.close(),
  };
}

function moveOf(from: StoredPosition, to: Position): PositionMove {
  const { projection, partition, version, seq, nextOffset, timeline } = from;
  const held = { seq, nextOffset, timeline };
  const cursor = { projection, partition, version, held, ahead: held, stop: null, stops: 0, refused: null };
  return { cursor, from: held, to };
}

/** One trade of the minute, by its sequence, which is also its time. */
function candle(symbol: string, seq: number, price: bigint): CandleRow {
  const place = { executedAt: MINUTE + seq, partition: 0, seq };
  const at = price * ONE;
  const prices = { open: at, high: at, low: at, close: at };
  return { symbol, minute: MINUTE, ...prices, volume: ONE, quoteVolume: at, count: 1, opened: place, closed: place };
}

function inOrder(positions: readonly StoredPosition[]): readonly StoredPosition[] {
  return positions.toSorted((a, b) => (a.projection < b.projection ? -1 : 1));
}
