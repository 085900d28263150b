import { randomUUID } from 'node:crypto';
import { decodeToken } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import { createMemoryLog } from '@tradestream/messaging';
import { archiveReceipts, askOf } from '@tradestream/recovery';
import { expect, test } from 'vitest';
import { ReceiptStore } from '../../services/gateway/src/receipts/receipt-store.ts';
import type { NewReceipt } from '../../services/worker/src/apply/decide-batch.ts';
import { loadReceipts } from '../../services/worker/src/apply/load-state.ts';
import { addConflicts, movePartitions } from '../../services/worker/src/apply/write-statements.ts';
import {
  claimOne,
  commandFrom,
  eventsOf,
  first,
  HASH,
  holdOpen,
  type LawTable,
  moveOf,
  park,
  receiptsOf,
  TOPIC,
  transact,
  waitsFor,
} from './ledger-law-table.ts';

const ROLLED_BACK = 'DB_COMMIT_ROLLED_BACK';
const signal = new AbortController().signal;

export function archiveLaws(table: LawTable): void {
  test('receipts of what the log has lost move to the archive, in portions, and are found there', async () => {
    const [worker, monitor] = [await table.worker(), await table.monitor()];
    const { partition, ids } = await decided(table, worker, 5);
    expect(await archive(monitor, { partition, start: 3, batchEvents: 2 })).toBe(3);
    expect(await archive(monitor, { partition, start: 3, batchEvents: 2 })).toBe(0);
    expect(
      [...(await loadReceipts(worker, ids)).values()].map(({ offset }) => offset).toSorted((a, b) => a - b),
    ).toEqual([0, 1, 2, 3, 4]);
    const again = async (offset: number) =>
      await transact(worker, ...receiptsOf([receipt(ids[offset] ?? '', { partition, offset: 9 })]));
    expect(await again(0)).toEqual(['done', 'TS003', ROLLED_BACK]);
    expect(first(await again(3))).toBe('23505');
    expect(await archive(monitor, { partition, start: 99, batchEvents: 50 })).toBe(2);
    expect(await again(4)).toEqual(['done', 'TS003', ROLLED_BACK]);
  });

  test('a receipt is answered wherever it is kept, with its event and the conflicts of its id', async () => {
    const [worker, monitor, gateway] = [await table.worker(), await table.monitor(), await table.gateway()];
    const { partition, ids } = await decided(table, worker, 2);
    const [id = '', other = ''] = ids;
    const conflict = { from: commandFrom(id, { partition, offset: 9 }), firstHash: HASH.toString('latin1') };
    await worker.query(addConflicts(TOPIC, [conflict]));
    expect(await archive(monitor, { partition, start: 1, batchEvents: 10 })).toBe(1);
    const found = await new ReceiptStore(askOf(gateway), TOPIC).loadReceipts([id, other, randomUUID()]);
    expect([...found.keys()].toSorted()).toEqual([...ids].toSorted());
    const events = [{ partition, seq: 1, type: 'FundsDeposited' }];
    const conflicts = [{ topic: TOPIC, partition, offset: 9 }];
    expect(found.get(id)?.answer).toMatchObject({ outcome: 'applied', partition, offset: 0, events, conflicts });
    expect(found.get(id)?.payloadHashes).toEqual([HASH]);
    expect(found.get(other)?.answer).toMatchObject({ offset: 1, conflicts: [] });
    expect(decodeToken(found.get(id)?.token ?? '')?.seqs).toEqual({ [partition]: 1 });
  });

  test('a receipt that has yet to change stays', async () => {
    const [worker, monitor] = [await table.worker(), await table.monitor()];
    const { partition, ...position } = await claimOne(table, worker);
    const [id = ''] = await park(worker, partition, ['COMMAND_FAILED']);
    await transact(worker, movePartitions(TOPIC, [moveOf({ partition, ...position }, { toSeq: 0 })]));
    expect(await archive(monitor, { partition, start: 1, batchEvents: 10 })).toBe(0);
    const taken = await transact(worker, ...receiptsOf([receipt(id, { partition, offset: 7 })]));
    expect(first(taken)).toBe('23505');
  });

  test('two who archive take turns, and a command that was taken for new waits to hear where its receipt went', async () => {
    const [worker, other, a, b] = [
      await table.worker(),
      await table.worker(),
      await table.monitor(),
      await table.monitor(),
    ];
    const { partition, ids } = await decided(table, worker, 2);
    await holdOpen(a);
    expect(await archive(a, { partition, start: 1, batchEvents: 10 })).toBe(1);
    const second = archive(b, { partition, start: 2, batchEvents: 10 });
    await waitsFor(table, b, a);
    const late = transact(other, ...receiptsOf([receipt(first(ids), { partition, offset: 8 })]));
    await waitsFor(table, other, a);
    expect([...(await loadReceipts(worker, ids)).keys()]).toHaveLength(2);
    await a.commit();
    expect(await late).toEqual(['done', 'TS003', ROLLED_BACK]);
    expect(await second).toBe(1);
  });
}

/** A partition of its own with so many commands that were applied. */
async function decided(table: LawTable, session: Session, count: number) {
  const position = await claimOne(table, session);
  const { partition } = position;
  const commands = Array.from({ length: count }, (_, offset) => commandFrom(randomUUID(), { partition, offset }));
  const receipts = commands.map((from, index): NewReceipt => ({ ...applied(index), from }));
  const seqs = commands.map((_, index) => index + 1);
  const move = moveOf(position, { toOffset: count, toSeq: count });
  const statements = [movePartitions(TOPIC, [move]), ...receiptsOf(receipts), eventsOf(commands, seqs)];
  expect(new Set(await transact(session, ...statements))).toEqual(new Set(['done']));
  return { partition, ids: commands.map(({ commandId }) => commandId) };
}

function applied(index: number) {
  return { index, outcome: 'applied', reason: null, seq: index + 1 } as const;
}

function receipt(commandId: string, place: { readonly partition: number; readonly offset: number }): NewReceipt {
  return { ...applied(0), from: commandFrom(commandId, place) };
}

/** One run on a log that begins there. */
async function archive(
  session: Session,
  {
    partition,
    start,
    batchEvents,
  }: { readonly partition: number; readonly start: number; readonly batchEvents: number },
): Promise<number> {
  const admin = {
    ...(await createMemoryLog().openAdmin()),
    ranges: async () => [{ partition, start, end: start }],
  };
  return await archiveReceipts({
    ask: askOf(session),
    admin,
    topic: TOPIC,
    signal,
    batchEvents,
    onMoved: async () => undefined,
  });
}
