import { randomUUID } from 'node:crypto';
import { arrays, type Session } from '@tradestream/database';
import { expect, test } from 'vitest';
import { BEHIND_PARKED } from '../../services/worker/src/apply/decide-batch.ts';
import { markSingle } from '../../services/worker/src/apply/failure-records.ts';
import { addParked, lockPartitions, movePartitions } from '../../services/worker/src/apply/write-statements.ts';
import {
  askEpochs,
  claimAgain,
  claimPartitions,
  releasePartitions,
} from '../../services/worker/src/ownership/claim-partitions.ts';
import type { Position } from '../../services/worker/src/ownership/position.ts';
import {
  claimOne,
  claimOptions,
  commandFrom,
  first,
  freshPartitions,
  HASH,
  holdOpen,
  type LawTable,
  moveOf,
  outcomeOf,
  rollBack,
  TOPIC,
  transact,
  waitsFor,
} from './ledger-law-table.ts';

const SINGLY = 10;
const RELEASE = 'SELECT ledger.release($1, $2, $3)';

export function ownershipLaws(table: LawTable): void {
  claimLaws(table);
  claimWaitLaws(table);
  moveLaws(table);
  markLaws(table);
}

function claimLaws(table: LawTable): void {
  test('a claim makes what is absent and begins the next epoch; only who holds the present one claims again', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const own = freshPartitions(2);
    const old = await claim(table, a, 'a', own);
    const sorted = old.toSorted((x, y) => x.partition - y.partition);
    expect(sorted.map(({ partition, epoch, nextOffset, seq }) => [partition, epoch, nextOffset, seq])).toEqual(
      own.map((partition) => [partition, 1, 0, 0]),
    );
    expect(sorted.map(({ lastHash, publishedSeq }) => [lastHash, publishedSeq])).toEqual([
      [null, 0],
      [null, 0],
    ]);
    const taken = first(await claim(table, b, 'b', own.slice(1)));
    expect(taken.epoch).toBe(2);
    const again = await claimAgain(claimOptions(table, a), old);
    expect(again.map(({ partition, epoch }) => [partition, epoch])).toEqual([[own[0], 2]]);
    const { rows } = await askEpochs(a, TOPIC, old);
    expect(rows.map(({ epoch }) => epoch)).toEqual(['2', '2']);
    const nobodys = { ...taken, partition: first(freshPartitions(1)) };
    expect(await claimAgain(claimOptions(table, a), [nobodys])).toEqual([]);
    expect((await askEpochs(a, TOPIC, [nobodys])).rows).toEqual([]);
  });

  test('the third death at one offset has its commands run singly, unless the owner released or moved in between', async () => {
    const session = await table.worker();
    const own = freshPartitions(1);
    const die = async (...owners: readonly string[]) => {
      let last: Position | null = null;
      for (const owner of owners) last = first(await claim(table, session, owner, own));
      return last ?? first([]);
    };
    const third = await die('a', 'b', 'b', 'c');
    expect(third.singlyUntil).toBe(0);
    // What is no epoch of now gives nothing back.
    await releasePartitions(session, TOPIC, [{ ...third, epoch: third.epoch - 1 }]);
    const fourth = await die('d');
    expect(fourth.singlyUntil).toBe(SINGLY);
    await releasePartitions(session, TOPIC, [fourth]);
    expect(await transact(session, movePartitions(TOPIC, [moveOf(await die('e'), { toOffset: 20 })]))).toEqual([
      'done',
      'done',
    ]);
    expect((await die('f', 'g', 'h')).singlyUntil).toBe(SINGLY);
    expect((await die('i')).singlyUntil).toBe(20 + SINGLY);
  });
}

function claimWaitLaws(table: LawTable): void {
  test('a claim waits behind a transaction in doubt and answers what became of it', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const position = await claimOne(table, a);
    await holdOpen(a, movePartitions(TOPIC, [moveOf(position)]));
    const claimed = claim(table, b, 'b', [position.partition]);
    await waitsFor(table, b, a);
    await a.commit();
    const after = first(await claimed);
    expect([after.epoch, after.nextOffset, after.seq, after.lastHash]).toEqual([2, 1, 1, HASH]);
    await holdOpen(b, movePartitions(TOPIC, [moveOf(after)]));
    const again = claimAgain(claimOptions(table, a), [after]);
    await waitsFor(table, a, b);
    await rollBack(b);
    expect((await again).map(({ epoch, nextOffset }) => [epoch, nextOffset])).toEqual([[3, 1]]);
  });

  test('a claim ends the sessions of its application that hold it up, and no other', async () => {
    const [a, b, bystander] = [await table.worker(), await table.worker(), await table.worker()];
    const position = await claimOne(table, a);
    await holdOpen(a, movePartitions(TOPIC, [moveOf(position)]));
    const options = claimOptions(table, b, { owner: 'b', timeoutMs: 100 });
    const taken = first(await claimPartitions(options, [position.partition], SINGLY));
    // What they had begun is gone.
    expect([taken.epoch, taken.nextOffset]).toEqual([2, 0]);
    expect(await outcomeOf(a.commit())).toBe('DB_COMMIT_UNKNOWN');
    expect(a.closed.aborted).toBe(true);
    await holdOpen(b, movePartitions(TOPIC, [moveOf(taken)]));
    const foreign = claimOptions(table, bystander, { applicationName: 'another', timeoutMs: 20 });
    const refused = outcomeOf(claimPartitions(foreign, [position.partition], SINGLY));
    expect(await refused).toBe('CLAIM_NOT_SETTLED');
    expect(await outcomeOf(b.commit())).toBe('done');
    await rollBack(bystander);
  });

  test('a claim brings the keys that parked records block and what is parked at or beyond its offset, each kept as first seen', async () => {
    const session = await table.worker();
    const [partition = -1] = freshPartitions(1);
    const park = (offset: number, reason: string, blocksKey: boolean) =>
      addParked(TOPIC, [{ from: commandFrom(randomUUID(), { partition, offset }), reason, message: 'm', blocksKey }]);
    const parked = [park(7, BEHIND_PARKED, true), park(5, 'COMMAND_FAILED', true), park(9, 'NULL_VALUE', false)];
    expect(await transact(session, ...parked, park(9, 'MALFORMED', true))).toEqual(
      Array.from({ length: 5 }, () => 'done'),
    );
    const claimed = first(await claim(table, session, 'a', [partition]));
    expect([...claimed.blockedKeys.keys(), ...claimed.releasing.keys()]).toEqual(['ann']);
    expect([...claimed.queued]).toEqual([['ann', 2]]);
    expect(claimed.parkedAhead.toSorted((x, y) => x - y)).toEqual([5, 7, 9]);
    await transact(session, movePartitions(TOPIC, [moveOf(claimed, { toOffset: 7 })]));
    expect(first(await claim(table, session, 'a', [partition])).parkedAhead.toSorted((x, y) => x - y)).toEqual([7, 9]);
  });

  test('claims lock in the order of the partitions, whatever the order they are asked in', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const own = freshPartitions(2);
    let held = await claim(table, a, 'a', own);
    const ways = [
      () => claim(table, b, 'b', own.toReversed()),
      () =>
        claimAgain(
          claimOptions(table, b),
          held.toSorted((x, y) => y.partition - x.partition),
        ),
    ];
    for (const way of ways) {
      const [low, high] = held.toSorted((x, y) => x.partition - y.partition).map((each) => fenceOf([each]));
      await holdOpen(a, { text: RELEASE, values: low ?? [] });
      const claimed = way();
      await waitsFor(table, b, a);
      // Who waits for the lower one holds nothing of the higher.
      await a.query({ text: RELEASE, values: high ?? [] });
      await a.commit();
      held = await claimed;
    }
    expect(held.map(({ epoch }) => epoch)).toEqual([3, 3]);
  });
}

function moveLaws(table: LawTable): void {
  test('a partition moves only from where it stands and under its epoch', async () => {
    const session = await table.worker();
    const [own, other] = [await claimOne(table, session), await claimOne(table, session)];
    const absent = { ...own, partition: first(freshPartitions(1)) };
    const stale = { epoch: own.epoch - 1 };
    const refused = async (...moves: Parameters<typeof movePartitions>[1]) =>
      first(await transact(session, movePartitions(TOPIC, moves)));
    expect(await refused(moveOf(own, stale))).toBe('TS001');
    expect(await refused(moveOf(absent))).toBe('TS001');
    expect(await refused(moveOf(own, { fromOffset: 1 }))).toBe('TS002');
    expect(await refused(moveOf(own, { fromSeq: 1 }))).toBe('TS002');
    expect(await refused(moveOf(own), moveOf(other, { fromSeq: 1 }))).toBe('TS002');
    // Another owner is said before anything else.
    expect(await refused(moveOf(own, { fromOffset: 1 }), moveOf(other, stale))).toBe('TS001');
    expect(await refused(moveOf(own, { publishedSeq: 2 }))).toBe('23514');
    expect(await transact(session, lockPartitions(TOPIC, [moveOf(own, stale)]))).toEqual([
      'TS001',
      'DB_COMMIT_ROLLED_BACK',
    ]);
    const mixed = [moveOf(own, { fromOffset: 1 }), moveOf(other, stale)];
    expect(first(await transact(session, lockPartitions(TOPIC, mixed)))).toBe('TS001');
    expect(first(await transact(session, lockPartitions(TOPIC, [moveOf(own, { fromOffset: 1 })])))).toBe('TS002');
    expect(first(await transact(session, lockPartitions(TOPIC, [moveOf(own)])))).toBe('done');
    const moves = [moveOf(own, { publishedSeq: 1 }), moveOf(other)];
    expect(await transact(session, movePartitions(TOPIC, moves))).toEqual(['done', 'done']);
    const [moved] = await claimAgain(claimOptions(table, session), [own]);
    expect([moved?.nextOffset, moved?.seq, moved?.publishedSeq, moved?.lastHash]).toEqual([1, 1, 1, HASH]);
  });

  test('of two moves from one place the second waits and then loses, or wins when the first is taken back', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const position = await claimOne(table, a);
    const move = movePartitions(TOPIC, [moveOf(position)]);
    await holdOpen(a, move);
    const second = transact(b, move);
    await waitsFor(table, b, a);
    await rollBack(a);
    expect(await second).toEqual(['done', 'done']);
    const next = { ...position, nextOffset: 1, seq: 1 };
    await holdOpen(a, movePartitions(TOPIC, [moveOf(next)]));
    const late = transact(b, movePartitions(TOPIC, [moveOf(next)]));
    await waitsFor(table, b, a);
    await a.commit();
    expect(await late).toEqual(['TS002', 'DB_COMMIT_ROLLED_BACK']);
  });

  test('a move that is refused as the partition stands waits for nobody', async () => {
    const [a, b] = [await table.worker(), await table.worker()];
    const position = await claimOne(table, a);
    await holdOpen(a, movePartitions(TOPIC, [moveOf(position)]));
    const stale = { ...position, epoch: position.epoch - 1 };
    expect(first(await transact(b, movePartitions(TOPIC, [moveOf(stale)])))).toBe('TS001');
    expect(first(await transact(b, lockPartitions(TOPIC, [moveOf(position, { fromOffset: 9 })])))).toBe('TS002');
    await markPublished(b, stale, 1);
    await releasePartitions(b, TOPIC, [stale]);
    expect(await markSingle(b, TOPIC, stale, 0)).toBe(0);
    await a.commit();
  });
}

function markLaws(table: LawTable): void {
  test('the greatest published mark is kept, none beyond the events, and none of a stale epoch', async () => {
    const session = await table.worker();
    const claimed = await claimOne(table, session);
    await transact(session, movePartitions(TOPIC, [moveOf(claimed, { toSeq: 9 })]));
    const publishedOf = async (position: Position) => {
      const next = first(await claimAgain(claimOptions(table, session), [position]));
      return { next, published: next.publishedSeq };
    };
    await markPublished(session, claimed, 5);
    await markPublished(session, claimed, 3);
    const { next, published } = await publishedOf(claimed);
    expect(published).toBe(5);
    await markPublished(session, claimed, 7);
    expect(await outcomeOf(markPublished(session, next, 10))).toBe('23514');
    expect((await publishedOf(next)).published).toBe(5);
  });

  test('tries of a record alone are counted until another is tried or the partition moves', async () => {
    const session = await table.worker();
    const position = await claimOne(table, session);
    const tries: number[] = [];
    for (const offset of [0, 0, 1, 1, 1, 0]) tries.push(await markSingle(session, TOPIC, position, offset));
    expect(tries).toEqual([1, 2, 1, 2, 3, 1]);
    await transact(session, movePartitions(TOPIC, [moveOf(position)]));
    // What is behind the partition is no longer tried.
    expect(await markSingle(session, TOPIC, position, 0)).toBe(0);
    expect(await markSingle(session, TOPIC, position, 1)).toBe(1);
  });
}

async function claim(table: LawTable, session: Session, owner: string, partitions: readonly number[]) {
  return await claimPartitions(claimOptions(table, session, { owner }), partitions, SINGLY);
}

function fenceOf(held: readonly Pick<Position, 'partition' | 'epoch'>[]): readonly unknown[] {
  return [TOPIC, arrays.int4(held.map((each) => each.partition)), arrays.int8(held.map((each) => each.epoch))];
}

async function markPublished(session: Session, position: Position, seq: number): Promise<void> {
  const text = 'SELECT ledger.mark_published($1, $2, $3, $4)';
  await session.query({ text, values: [...fenceOf([position]), arrays.int8([seq])] });
}
