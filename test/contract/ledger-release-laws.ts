import { randomUUID } from 'node:crypto';
import type { Session } from '@tradestream/database';
import { expect, test } from 'vitest';
import { IntentStore } from '../../services/monitor/src/deadletters/intent-store.ts';
import { CREATE } from '../../services/monitor/src/jobs/job-statements.ts';
import { NodeLink } from '../../services/monitor/src/sources/node-link.ts';
import { BEHIND_PARKED } from '../../services/worker/src/apply/decide-batch.ts';
import { loadReceipts } from '../../services/worker/src/apply/load-state.ts';
import { moveSequences, TAKE_BATCH_NUMBER } from '../../services/worker/src/apply/write-statements.ts';
import { claimAgain } from '../../services/worker/src/ownership/claim-partitions.ts';
import type { DecidedRelease, Settlement } from '../../services/worker/src/release/decide-released.ts';
import { intentsWait, loadQueues, markTries, type ParkedRow } from '../../services/worker/src/release/parked-rows.ts';
import { settleRelease } from '../../services/worker/src/release/release-statements.ts';
import {
  claimOne,
  claimOptions,
  first,
  HASH,
  holdOpen,
  type LawTable,
  moveOf,
  park,
  TOPIC,
  transact,
  waitsFor,
} from './ledger-law-table.ts';

const FAILED = 'COMMAND_FAILED';
const KEY = Buffer.from('ann');
const EDITED = Buffer.alloc(32, 9);
const LAST_ID = '9007199254740991';
const ROLLED_BACK = 'DB_COMMIT_ROLLED_BACK';
const RAISED = 'P0001';
const NOTHING: DecidedRelease['decided'] = {} as DecidedRelease['decided']; // what a batch writes is no part of this

export function releaseLaws(table: LawTable): void {
  askingLaws(table);
  queueLaws(table);
  settlingLaws(table);
}

function askingLaws(table: LawTable): void {
  test('what is open is asked for once, by whoever asks; what was executed is asked for anew by a later job alone', async () => {
    const [worker, monitor] = [await table.worker(), await table.monitor()];
    const { partition, rows } = await queueOf(table, worker, [FAILED, BEHIND_PARKED]);
    const [job, other] = [await makeJob(monitor), await makeJob(monitor)];
    expect(await intentsWait(worker, { topic: TOPIC, partitions: [partition] })).toBe(false);
    expect(await ask(monitor, job, rows)).toMatchObject({ picked: 2, asked: 2, alreadyAsked: 0 });
    expect(await intentsWait(worker, { topic: TOPIC, partitions: [partition] })).toBe(true);
    expect(await ask(monitor, job, rows)).toMatchObject({ picked: 2, asked: 0, alreadyAsked: 0 });
    expect(await ask(monitor, other, rows)).toMatchObject({ picked: 2, asked: 0, alreadyAsked: 2 });
    const open = (await load(worker, partition)).rows;
    await transact(worker, ...answered(open, 'no'));
    expect(await ask(monitor, job, rows)).toMatchObject({ asked: 0 });
    expect(await ask(monitor, other, rows)).toMatchObject({ asked: 0, alreadyAsked: 2 });
    const later = await makeJob(monitor);
    expect(await ask(monitor, later, rows, { reason: FAILED })).toMatchObject({ picked: 1, asked: 1 });
    expect(await ask(monitor, later, rows, { after: '1' })).toMatchObject({ picked: 2, asked: 1, alreadyAsked: 0 });
  });

  test('of two who ask at once the second waits for the first and asks for nothing', async () => {
    const [worker, a, b] = [await table.worker(), await table.monitor(), await table.monitor()];
    const { rows } = await queueOf(table, worker, [FAILED]);
    const jobs = [await makeJob(a), await makeJob(b)] as const;
    await holdOpen(a);
    expect(await ask(a, jobs[0], rows)).toMatchObject({ asked: 1 });
    const second = ask(b, jobs[1], rows);
    await waitsFor(table, b, a);
    await a.commit();
    expect(await second).toMatchObject({ picked: 1, asked: 0 });
  });
}

function queueLaws(table: LawTable): void {
  test('a queue is loaded from its head on, each record with its open intent, as far as there is room', async () => {
    const [worker, monitor] = [await table.worker(), await table.monitor()];
    const { partition, rows } = await queueOf(table, worker, [FAILED, BEHIND_PARKED, BEHIND_PARKED]);
    await ask(monitor, await makeJob(monitor), rows.slice(1, 2));
    const all = await load(worker, partition);
    expect(inOrder(all.rows).map(({ record }) => record.offset)).toEqual([0, 1, 2]);
    expect(all.rows.filter(({ intent }) => intent !== null).map(({ record }) => record.offset)).toEqual([1]);
    expect(all.cut).toBeNull();
    expect(all.keys).toEqual([{ partition, key: KEY }]);
    const part = await load(worker, partition, 2);
    expect(inOrder(part.rows).map(({ record }) => record.offset)).toEqual([0, 1]);
    expect(part.cut).toEqual({ offset: 1, partition });
    await markTries(worker, [first(rows).id]);
    const marked = (await load(worker, partition)).rows.find(({ id }) => id === first(rows).id);
    expect(marked).toMatchObject({ tries: 1, reason: FAILED, status: 'parked', blocksKey: true });
  });
}

function settlingLaws(table: LawTable): void {
  test('what is released is settled once: its record, its receipt and its intent, all or none', async () => {
    const [worker, monitor] = [await table.worker(), await table.monitor()];
    const { partition, rows, ids } = await queueOf(table, worker, [FAILED, BEHIND_PARKED]);
    await ask(monitor, await makeJob(monitor), rows);
    const asked = (await load(worker, partition)).rows;
    const [head, next] = inOrder(asked);
    const release = settled(head ?? first([]), ids[0] ?? '', 'applied');
    expect(await transact(worker, TAKE_BATCH_NUMBER, ...release)).toEqual(
      Array.from({ length: release.length + 2 }, () => 'done'),
    );
    const left = (await load(worker, partition)).rows;
    expect(left.map(({ record }) => record.offset)).toEqual([1]);
    const [receipt] = [...(await loadReceipts(worker, ids.slice(0, 1))).values()];
    expect(receipt).toMatchObject({ hash: HASH.toString('latin1'), editedHash: EDITED.toString('latin1') });
    // Done again it is refused, and so is what stands beside it.
    expect(first(await transact(worker, ...release))).toBe(RAISED);
    const beside = settled(next ?? first([]), ids[0] ?? '', 'applied');
    expect((await transact(worker, TAKE_BATCH_NUMBER, ...beside)).slice(1, 2)).toEqual([RAISED]);
    expect((await load(worker, partition)).rows).toEqual(left);
  });

  test('the fence of a release moves sequences alone, from where they stand and under its epoch', async () => {
    const session = await table.worker();
    const own = await claimOne(table, session);
    const refused = async (change: Partial<ReturnType<typeof moveOf>>) =>
      first(await transact(session, moveSequences(TOPIC, [moveOf(own, change)])));
    expect(await refused({ epoch: own.epoch - 1 })).toBe('TS001');
    expect(await refused({ fromOffset: 1 })).toBe('TS002');
    expect(await refused({ fromSeq: 1 })).toBe('TS002');
    expect(await transact(session, moveSequences(TOPIC, [moveOf(own, { epoch: 0 })]))).toEqual(['TS001', ROLLED_BACK]);
    expect(await refused({ toSeq: 4 })).toBe('done');
    const [moved] = await claimAgain(claimOptions(table, session), [own]);
    expect([moved?.nextOffset, moved?.seq, moved?.lastHash]).toEqual([0, 4, null]);
  });
}

/** A key's queue of its own, as it is loaded. */
async function queueOf(table: LawTable, session: Session, reasons: readonly string[]) {
  const { partition } = await claimOne(table, session);
  const ids = await park(session, partition, reasons);
  const { rows } = await load(session, partition);
  return { partition, ids, rows: inOrder(rows) };
}

function inOrder(rows: readonly ParkedRow[]): readonly ParkedRow[] {
  return rows.toSorted((a, b) => a.record.offset - b.record.offset);
}

async function load(session: Session, partition: number, countMax = 10) {
  const releasing = [{ partition, key: KEY }];
  return await loadQueues(session, { topic: TOPIC, partitions: [partition], releasing, countMax });
}

async function makeJob(session: Session): Promise<string> {
  const id = randomUUID();
  await session.query({ text: CREATE, values: [id, 'redrive', '{}', 'olga', 'law', null] });
  return id;
}

async function ask(
  session: Session,
  jobId: string,
  rows: readonly ParkedRow[],
  { reason, after = '0' }: { readonly reason?: string; readonly after?: string } = {},
) {
  const link = new NodeLink({ name: 'law', url: '', openSession: async () => session, timeoutMs: 20_000 });
  const order = { jobId, verb: 'redrive', actor: 'olga', why: 'law', editedValue: null } as const;
  const portion = {
    filter: { ids: rows.map(({ id }) => String(id)), ...(reason && { reason }) },
    after,
    last: LAST_ID,
    limit: 10,
  };
  return await new IntentStore(() => link, TOPIC).ask(order, portion);
}

function answered(rows: readonly ParkedRow[], message: string) {
  const answers = rows.map((row) => ({ row, outcome: 'parked', message }) as const);
  return settleRelease({ decided: NOTHING, moved: [], settlements: [], edits: [] }, answers);
}

/** A record that was edited and then decided. */
function settled(row: ParkedRow, commandId: string, status: Settlement['status']) {
  const settlement = {
    row,
    status,
    reason: row.reason,
    message: 'm',
    commandId,
    blocksKey: true,
    attempts: 1,
    answer: null,
  };
  const edit = { row, commandId, originalHash: HASH.toString('latin1'), editedHash: EDITED.toString('latin1') };
  const moved = [{ commandId, outcome: status, reason: null, index: 3, seq: 9 }];
  return settleRelease({ decided: NOTHING, moved, settlements: [settlement], edits: [edit] }, []);
}
