import { ColumnMemory, type Statement } from '@tradestream/database';
import { expect, test } from 'vitest';
import { type WritePlan, writeBatch } from '../../services/worker/src/apply/write-batch.ts';
import { addOrders, addZeroBalances, writeBalances } from '../../services/worker/src/apply/write-statements.ts';
import { changeOf, columnsOf } from './balance-changes.ts';
import { freshName, type LawTable, orderOf, outcomeOf } from './ledger-law-table.ts';
import { balanceOf, balancesOf, ordersOf } from './ledger-row-laws.ts';

export function batchLaws(table: LawTable): void {
  const planOf = (locking: readonly Statement[], adding: readonly Statement[]): WritePlan => ({
    memory: new ColumnMemory(),
    moves: [],
    events: null,
    parked: [],
    counts: { commands: 0, applied: 0, parked: 0, duplicates: 0, conflicts: 0, rejected: new Map() },
    schemas: [],
    locking,
    adding,
    receipts: null,
  });
  const options = { timeline: 2, eventSchemaId: 3, commitTimeoutMs: 30_000, begun: false };

  test('a batch that is refused in either part leaves nothing behind, neither rows nor a transaction', async () => {
    const [session, other] = [await table.worker(), await table.worker()];
    const balance = balanceOf(freshName());
    const [id, twin, last] = [freshName(), freshName(), freshName()];
    const zero = addZeroBalances([balance]);
    const stale = writeBalances(columnsOf([changeOf(balance, { version: 8 }, { version: 7 })]));
    const both = [addOrders([orderOf(twin)]), addOrders([orderOf(twin)])];
    for (const [plan, code] of [
      [planOf([zero, stale], [addOrders([orderOf(id)])]), 'TS003'],
      [planOf([zero], both), '23505'],
    ] as const) {
      expect(await outcomeOf(writeBatch(session, plan, options))).toBe(code);
      // Alone it is committed at once, unless a transaction is still open.
      await session.query(addOrders([orderOf(`${last}-${code}`)]));
      expect(await ordersOf(other, `${last}-${code}`)).toHaveLength(1);
    }
    expect(await ordersOf(other, id, twin)).toEqual([]);
    expect(await balancesOf(other, balance.userId)).toEqual([]);
    expect(await outcomeOf(writeBatch(session, planOf([zero], [addOrders([orderOf(id)])]), options))).toBe('done');
    expect(await ordersOf(other, id)).toHaveLength(1);
  });
}
