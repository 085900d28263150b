import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { decodeEvent, readFrame } from '@tradestream/contracts';
import type { Session, Statement } from '@tradestream/database';
import type { Balance, Order } from '@tradestream/trading';
import { expect, test } from 'vitest';
import { EventReader } from '../../services/projector/src/event-reader.ts';
import { loadLedgerEvents } from '../../services/projector/src/ledger-source.ts';
import { loadBalances, loadOrders, loadReceipts, loadTrades } from '../../services/worker/src/apply/load-state.ts';
import {
  addConflicts,
  addOrders,
  addTrades,
  addZeroBalances,
  expectAbsent,
  TAKE_BATCH_NUMBER,
  writeBalances,
  writeOrders,
} from '../../services/worker/src/apply/write-statements.ts';
import { loadEvents } from '../../services/worker/src/relay/publish-events.ts';
import { WorkingState } from '../../services/worker/src/state/working-state.ts';
import { type BalanceChange, changeOf, columnsOf } from './balance-changes.ts';
import {
  claimOne,
  commandFrom,
  eventsOf,
  first,
  freshName,
  HASH,
  holdOpen,
  type LawTable,
  ONE,
  orderOf,
  outcomeOf,
  receiptOf,
  receiptsOf,
  rollBack,
  TOPIC,
  takeNumber,
  transact,
  waitsFor,
} from './ledger-law-table.ts';

const ROLLED_BACK = 'DB_COMMIT_ROLLED_BACK';
/** The first amount that no balance can hold. */
const TOO_MUCH = 10n ** 38n;

export function rowLaws(table: LawTable): void {
  transactionLaws(table);
  versionLaws(table);
  uniqueLaws(table);
  eventLaws(table);
  lostEventLaws(table);
  lockLaws(table);
}

function transactionLaws(table: LawTable): void {
  test('behind a failed statement nothing is done, COMMIT says so, and the session goes on', async () => {
    const session = await table.worker();
    const [user, id] = [freshName(), freshName()];
    const stale = writeBalances(columnsOf([changeOf(balanceOf(user), { version: 8 }, { version: 7 })]));
    const answers = await transact(
      session,
      addZeroBalances([balanceOf(user)]),
      stale,
      addOrders([orderOf(id)]),
      TAKE_BATCH_NUMBER,
    );
    expect(answers).toEqual(['done', 'TS003', '25P02', '25P02', ROLLED_BACK]);
    expect(await balancesOf(session, user)).toEqual([]);
    expect(await ordersOf(session, id)).toEqual([]);
    await session.query({ text: 'BEGIN' });
    expect(await outcomeOf(session.query(stale))).toBe('TS003');
    expect(await outcomeOf(session.query({ text: 'BEGIN' }))).toBe('25P02');
    await rollBack(session);
    expect(await transact(session, addOrders([orderOf(id)]))).toEqual(['done', 'done']);
    expect(await ordersOf(session, id)).toEqual([orderOf(id)]);
  });

  test('what a transaction wrote is its own until COMMIT, and gone behind ROLLBACK', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const id = freshName();
    await holdOpen(a, addOrders([orderOf(id)]));
    // One that is open is not begun anew.
    await a.query({ text: 'BEGIN' });
    expect(await ordersOf(a, id)).toEqual([orderOf(id)]);
    expect(await ordersOf(b, id)).toEqual([]);
    await rollBack(a);
    expect(await ordersOf(a, id)).toEqual([]);
    await a.query(addOrders([orderOf(id)]));
    expect(await ordersOf(b, id)).toEqual([orderOf(id)]);
  });
}

function versionLaws(table: LawTable): void {
  test('orders are written from the version that was read, all or none', async () => {
    const session = await table.worker();
    const [one, two] = [orderOf(freshName()), orderOf(freshName())];
    await session.query(addOrders([one, two]));
    const filled = { ...one, filled: 3n * ONE, hold: 0n, status: 'filled', version: 2 } as const;
    const amended = { ...two, price: ONE, version: 5 };
    const write = async (...changes: Parameters<typeof writeOrders>[0]) =>
      first(await transact(session, writeOrders(changes)));
    const stale = written(two, amended, { version: 4 });
    expect(await write(written(one, filled), stale)).toBe('TS003');
    expect(await write(written(one, one), written(orderOf(freshName()), amended))).toBe('TS003');
    expect(await ordersOf(session, one.orderId, two.orderId)).toEqual(inOrder(one, two));
    const wrong: readonly Partial<Order>[] = [
      { filled: 4n * ONE },
      { filled: -1n },
      { hold: -1n },
      { price: 0n },
      { quantity: 0n },
    ];
    for (const change of wrong) expect(await write(stale, written(one, { ...filled, ...change }))).toBe('23514');
    expect(await outcomeOf(session.query(addOrders([orderOf(freshName(), { price: 0n })])))).toBe('23514');
    expect(await outcomeOf(session.query(addOrders([orderOf(freshName(), { price: TOO_MUCH })])))).toBe('22003');
    expect(await write(written(one, filled), written(two, two))).toBe('done');
    expect(await ordersOf(session, one.orderId, two.orderId)).toEqual(inOrder(filled, two));
  });

  test('balances are written from the version that was read, within their bounds, all or none', async () => {
    const session = await table.worker();
    const [ann, bob] = [balanceOf(freshName()), balanceOf(freshName())];
    await session.query(addZeroBalances([ann, bob]));
    const credited = { available: 5n * ONE, held: ONE, version: 1 };
    const write = async (...changes: readonly BalanceChange[]) =>
      first(await transact(session, writeBalances(columnsOf(changes))));
    expect(await write(changeOf(ann, credited), changeOf(bob, credited, { version: 1 }))).toBe('TS003');
    expect(await write(changeOf(balanceOf(freshName()), credited))).toBe('TS003');
    expect(await balancesOf(session, ann.userId)).toEqual([ann]);
    const stale = changeOf(bob, credited, { version: 3 });
    expect(await write(stale, changeOf(ann, { available: -1n, version: 1 }))).toBe('23514');
    expect(await write(stale, changeOf(ann, { held: -1n, version: 1 }))).toBe('23514');
    expect(await write(stale, changeOf(ann, { available: TOO_MUCH - 1n, held: 1n, version: 1 }))).toBe('23514');
    expect(await write(stale, changeOf(ann, { available: TOO_MUCH, version: 1 }))).toBe('22003');
    expect(await write(changeOf(ann, credited), changeOf(bob, { version: 0 }))).toBe('done');
    const most = { available: TOO_MUCH - 2n, held: 1n, version: 2 };
    expect(await write(changeOf({ ...ann, ...credited }, most))).toBe('done');
    expect(await balancesOf(session, ann.userId)).toEqual([{ ...ann, ...most }]);
    expect(await balancesOf(session, bob.userId)).toEqual([bob]);
  });

  test('an order or a trade that was taken for absent is said to be there', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const [id, tradeId, other] = [freshName(), freshName(), freshName()];
    const [trade, unknown] = [tradeOf(tradeId), tradeOf(other)];
    const expectations = async () => [
      await outcomeOf(b.query(expectAbsent([other, id], []))),
      await outcomeOf(b.query(expectAbsent([other], [unknown, trade]))),
      await outcomeOf(b.query(expectAbsent([other], [unknown, { ...trade, symbol: 'ETH-USD' }]))),
    ];
    await holdOpen(a, addOrders([orderOf(id)]), addTrades([trade]));
    expect(await outcomeOf(a.query(expectAbsent([], [trade])))).toBe('TS003');
    await rollBack(a);
    await holdOpen(a, addOrders([orderOf(id)]), addTrades([trade]));
    expect(await expectations()).toEqual(['done', 'done', 'done']);
    await a.commit();
    expect(await expectations()).toEqual(['TS003', 'TS003', 'done']);
    const state = new WorkingState({ entriesMax: 10 });
    await loadTrades(b, state, [trade, unknown]);
    expect([state.hasTrade('BTC-USD', tradeId), state.hasTrade('BTC-USD', other)]).toEqual([true, false]);
  });
}

function uniqueLaws(table: LawTable): void {
  test('a command id, an order id and a trade of a symbol stand once', async () => {
    const session = await table.worker();
    const [commandId, id, tradeId] = [randomUUID(), freshName(), freshName()];
    const adding = [...receiptsOf([receiptOf(commandId)]), addOrders([orderOf(id)]), addTrades([tradeOf(tradeId)])];
    expect(await transact(session, ...adding)).toEqual(Array.from({ length: 5 }, () => 'done'));
    const again = [
      first(receiptsOf([receiptOf(randomUUID()), receiptOf(commandId)])),
      addOrders([orderOf(freshName()), orderOf(id, { symbol: 'ETH-USD' })]),
      addTrades([tradeOf(freshName()), tradeOf(tradeId)]),
    ];
    for (const statement of again) expect(await transact(session, statement)).toEqual(['23505', ROLLED_BACK]);
    const twin = freshName();
    expect(await outcomeOf(session.query(addOrders([orderOf(twin), orderOf(twin)])))).toBe('23505');
    expect(await outcomeOf(session.query(addTrades([{ ...tradeOf(tradeId), symbol: 'ETH-USD' }])))).toBe('done');
    const known = await loadReceipts(session, [randomUUID(), commandId]);
    expect([...known]).toEqual([[commandId, { hash: HASH.toString('latin1'), partition: 0, offset: 5 }]]);
  });

  test('who adds what another is adding waits: it is there if the other commits', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    for (const commits of [true, false]) {
      const [commandId, id, user] = [randomUUID(), freshName(), freshName()];
      const kinds = [
        { statement: first(receiptsOf([receiptOf(commandId)])), second: '23505' },
        { statement: addOrders([orderOf(id)]), second: '23505' },
        { statement: addTrades([tradeOf(id)]), second: '23505' },
        // Of a zero it is enough that it is there.
        { statement: addZeroBalances([balanceOf(user)]), second: 'done' },
      ];
      for (const { statement, second } of kinds) {
        await holdOpen(a, statement);
        const adding = transact(b, statement);
        await waitsFor(table, b, a);
        await (commits ? a.commit() : rollBack(a));
        expect(first(await adding)).toBe(commits ? second : 'done');
      }
    }
  });

  test('the numbers of batches rise and are never given back', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    await a.query({ text: 'BEGIN' });
    const taken = [await takeNumber(a), await takeNumber(b)];
    await rollBack(a);
    taken.push(await takeNumber(b), await takeNumber(a));
    expect(taken).toEqual([...new Set(taken)].toSorted((x, y) => x - y));
  });

  test('a zero leaves a balance that is there as it is; a conflict is kept as it was first seen', async () => {
    const session = await table.worker();
    const balance = balanceOf(freshName());
    await session.query(addZeroBalances([balance, balance]));
    const credited = { ...balance, available: ONE, version: 1 };
    await session.query(writeBalances(columnsOf([changeOf(balance, credited)])));
    expect(await transact(session, addZeroBalances([balance]))).toEqual(['done', 'done']);
    expect(await balancesOf(session, balance.userId)).toEqual([credited]);
    const conflict = { from: commandFrom(randomUUID(), { partition: 0, offset: 77 }), firstHash: 'x'.repeat(32) };
    expect(await transact(session, addConflicts(TOPIC, [conflict]), addConflicts(TOPIC, [conflict]))).toEqual([
      'done',
      'done',
      'done',
    ]);
  });
}

function eventLaws(table: LawTable): void {
  test('events are read by their sequence, behind what is published and up to what is durable; a place has one', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const position = await claimOne(table, a);
    const { partition } = position;
    await a.query(eventsAt(partition, [2, 1], 40));
    expect(await transact(b, eventsAt(partition, [3, 2]))).toEqual(['23505', ROLLED_BACK]);
    await b.query(eventsAt(partition, [3, 4, 6], 2 ** 40));
    const read = async (publishedSeq: number, seq: number, countMax: number) => {
      const committed = { ...position.committed, seq };
      return await loadEvents(b, { ...position, publishedSeq, committed }, countMax);
    };
    const all = await read(0, 9, 9);
    expect(all.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 6]);
    expect(first(all)).toMatchObject({
      key: 'ann',
      type: 'FundsDeposited',
      timeline: 2,
      traceparent: null,
    });
    expect(first(all).timestampMs).toBe(1_700_000_000_000);
    // The record says itself where it stands.
    const said = all.map(({ value }) => decodeEvent(readFrame(value).payload));
    expect(said.map((each) => each.batch)).toEqual([40, 40, 2 ** 40, 2 ** 40, 2 ** 40]);
    expect(said.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 6]);
    expect(first(said)).toMatchObject({ partition, timeline: 2, occurredAt: 1_700_000_000_000_000 });
    expect(readFrame(first(all).value).schemaId).toBe(3);
    expect((await read(1, 3, 9)).map(({ seq }) => seq)).toEqual([2, 3]);
    expect((await read(1, 9, 2)).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(await read(6, 9, 9)).toEqual([]);
  });
}

function lostEventLaws(table: LawTable): void {
  test('events that the topic has lost are read from the ledger, between two sequences and a few at a time', async () => {
    const [worker, projector] = [await table.worker(), await table.projector()];
    const { partition } = await claimOne(table, worker);
    await takeNumber(worker);
    await worker.query(eventsAt(partition, [1, 2, 3, 4, 6]));
    const reader = new EventReader({
      register: async () => ({ commandSchemaId: 1, eventSchemaId: 3 }),
      schemaText: async () => await readFile('schemas/avro/trade-event.avsc', 'utf8'),
    });
    const read = async (afterSeq: number, beforeSeq: number, countMax: number) =>
      (await loadLedgerEvents(projector, reader, { partition, afterSeq, beforeSeq, countMax })).map(({ seq }) => seq);
    expect(await read(1, 4, 9)).toEqual([2, 3]);
    expect(await read(1, 9, 2)).toEqual([2, 3]);
    expect(await read(0, 9, 9)).toEqual([1, 2, 3, 4]);
    expect(await read(4, 9, 9)).toEqual([]);
  });
}

function lockLaws(table: LawTable): void {
  test('a locked row is read by all and written by none but who locked it', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const [balance, order] = [balanceOf(freshName()), orderOf(freshName())];
    await a.query(addZeroBalances([balance]));
    await a.query(addOrders([order]));
    const credited = { ...balance, available: ONE, version: 1 };
    await a.query({ text: 'BEGIN' });
    await balancesOf(a, balance.userId, true);
    await loadOrders(a, new WorkingState({ entriesMax: 10 }), [order.orderId], true);
    expect(await balancesOf(b, balance.userId)).toEqual([balance]);
    // A lock alone changes nothing, so that a zero need not wait; nor does what is refused already.
    expect(await transact(b, addZeroBalances([balance]))).toEqual(['done', 'done']);
    expect(first(await transact(b, writeBalances(columnsOf([changeOf(balance, credited, { version: 9 })]))))).toBe(
      'TS003',
    );
    expect(first(await transact(b, writeOrders([written({ ...order, version: 9 }, order)])))).toBe('TS003');
    const compared = transact(b, writeOrders([written(order, order)]));
    await waitsFor(table, b, a);
    await a.query(writeOrders([written(order, { ...order, version: 2 })]));
    await a.query(writeBalances(columnsOf([changeOf(balance, credited)])));
    await a.commit();
    expect(await compared).toEqual(['TS003', ROLLED_BACK]);
    await holdOpen(a, writeBalances(columnsOf([changeOf(credited, { ...credited, version: 2 })])));
    await b.query({ text: 'BEGIN' });
    const loaded = balancesOf(b, balance.userId, true);
    await waitsFor(table, b, a);
    await a.commit();
    expect(await loaded).toEqual([{ ...credited, version: 2 }]);
    await b.commit();
  });

  test('who adds what is there waits for who changes it, also where it must then be refused', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const [balance, order] = [balanceOf(freshName()), orderOf(freshName())];
    await a.query(addZeroBalances([balance]));
    await a.query(addOrders([order]));
    const changes = [
      [
        writeBalances(columnsOf([changeOf(balance, { available: ONE, version: 1 })])),
        addZeroBalances([balance]),
        'done',
      ],
      [writeOrders([written(order, { ...order, version: 2 })]), addOrders([order]), '23505'],
    ] as const;
    for (const [change, adding, outcome] of changes) {
      await holdOpen(a, change);
      const added = transact(b, adding);
      await waitsFor(table, b, a);
      await a.commit();
      expect(first(await added)).toBe(outcome);
    }
  });

  test('of two that wait for each other one is refused as a deadlock, and the other goes on', async () => {
    const sessions = [await table.worker(), await table.worker()] as const;
    const orders = [orderOf(freshName()), orderOf(freshName())] as const;
    await sessions[0].query(addOrders(orders));
    const touch = (at: 0 | 1) => writeOrders([written(orders[at], { ...orders[at], version: 1 })]);
    await holdOpen(sessions[0], touch(0));
    await holdOpen(sessions[1], touch(1));
    const crossed = Promise.all([outcomeOf(sessions[0].query(touch(1))), outcomeOf(sessions[1].query(touch(0)))]);
    expect((await crossed).toSorted()).toEqual(['40P01', 'done']);
    const ends = await Promise.all(sessions.map((session) => outcomeOf(session.commit())));
    expect(ends.toSorted()).toEqual([ROLLED_BACK, 'done']);
    expect(ends.indexOf('done')).toBe((await crossed).indexOf('done'));
  });
}

export function balanceOf(userId: string): Balance {
  return { userId, asset: 'USD', available: 0n, held: 0n, version: 0 };
}

function written(from: Order, current: Order, before: Partial<Order> = {}) {
  return { before: { ...from, ...before }, current: { ...current, orderId: from.orderId }, mark: 0 };
}

function tradeOf(tradeId: string) {
  const from = commandFrom(randomUUID(), { partition: 0, offset: 3 });
  return { from, index: 0, seq: 1, type: 'TradeExecuted', symbol: 'BTC-USD', tradeId } as const;
}

function eventsAt(partition: number, seqs: readonly number[], batch?: number): Statement {
  const commands = seqs.map((offset) => commandFrom(randomUUID(), { partition, offset }));
  return eventsOf(commands, seqs, batch);
}

function inOrder(...orders: readonly Order[]): readonly Order[] {
  return orders.toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
}

export async function ordersOf(session: Session, ...ids: readonly string[]): Promise<readonly Order[]> {
  return inOrder(...(await loadOrders(session, new WorkingState({ entriesMax: 10 }), ids, false)));
}

/** What the database has of the user's money; nothing where it has no row. */
export async function balancesOf(session: Session, userId: string, lock = false): Promise<readonly Balance[]> {
  const seen = new SeenBalances({ entriesMax: 10 });
  await loadBalances(session, seen, [{ userId, asset: 'USD' }], lock);
  // The first stands for an absent row.
  return seen.balances.slice(1);
}

class SeenBalances extends WorkingState {
  readonly balances: Balance[] = [];

  override loadBalance(balance: Balance): void {
    this.balances.push(balance);
  }
}
