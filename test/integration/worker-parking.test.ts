import { newCommandId } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { failBatches } from '../support/database-faults.ts';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';

let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'parking', 2);
  // A constraint that no command should meet stands for a defect that shows in the database alone.
  await world.rows(`ALTER TABLE ledger.balances ADD CONSTRAINT not_mallory CHECK (user_id <> 'mallory')`);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('a command that always fails alone is parked in logarithmic steps; its key waits behind it, the others flow', async () => {
  const users = Array.from({ length: 200 }, (_, index) => (index === 77 || index > 190 ? 'mallory' : `user-${index}`));
  await world.send(users.map(deposit));
  const worker = world.startWorker();
  await world.applied(60_000);
  const parked = await world.rows<{ reason: string; blocks_key: boolean; waiting: boolean }>(
    `SELECT k.reason, k.blocks_key, r.outcome = 'parked' AND r.reason = k.reason AND r.seq IS NULL AS waiting
     FROM ledger.parked AS k JOIN ledger.receipts AS r USING (command_id) ORDER BY k."offset"`,
  );
  expect(parked).toHaveLength(10);
  expect(parked[0]).toEqual({ reason: 'COMMAND_FAILED', blocks_key: true, waiting: true });
  expect(new Set(parked.slice(1).map(({ reason }) => reason))).toEqual(new Set(['BEHIND_PARKED']));
  expect(await outcomes()).toEqual({ applied: '190', parked: '10' });
  const tries = world.logOf(worker).filter((line) => line.error?.code === '23514').length;
  expect(tries).toBeLessThanOrEqual(20);
});

test('another worker goes on in the same order: later commands of the key still wait', async () => {
  await world.stopWorkers();
  await world.send([deposit('mallory'), deposit('user-1')]);
  world.startWorker();
  await world.applied(60_000);
  expect(await outcomes()).toEqual({ applied: '191', parked: '11' });
});

test('a missing permission is no fault of a command: nothing is parked, and it goes on when it is there', async () => {
  const before = await outcomes();
  await world.rows('REVOKE INSERT ON ledger.events FROM tradestream_worker');
  await world.stopWorkers();
  const worker = world.startWorker();
  await world.send([deposit('user-2'), deposit('user-3')]);
  await eventually(async () => (await world.unready(worker))['applying']?.includes('permission denied') ?? false, {
    withinMs: 60_000,
  });
  expect(await outcomes()).toEqual(before);
  await world.rows('GRANT INSERT ON ledger.events TO tradestream_worker');
  await world.applied(60_000);
  expect(await outcomes()).toEqual({ ...before, applied: String(Number(before['applied']) + 2) });
  await eventually(async () => Object.keys(await world.unready(worker)).length === 0, { withinMs: 60_000 });
});

test('a record at which three workers died alone is parked, its key waits, and outages do not count as deaths', async () => {
  await world.stopWorkers();
  const [place] = await world.send([deposit('killer')]);
  await world.send([deposit('killer')]);
  // As three workers leave it that each died at this record, tried alone.
  await world.rows(
    `UPDATE ledger.partitions SET singly_until = next_offset + 10, single_offset = next_offset, single_attempts = 3
     WHERE partition = $1`,
    [place?.partition],
  );
  world.startWorker();
  await world.applied(60_000);
  const parked = await world.rows(
    `SELECT reason, "offset"::text AS place FROM ledger.parked WHERE partition = $1 AND key = 'user:killer' ORDER BY "offset"`,
    [place?.partition],
  );
  expect(parked).toEqual([
    { reason: 'WORKER_KILLED', place: String(place?.offset) },
    { reason: 'BEHIND_PARKED', place: String((place?.offset ?? 0) + 1) },
  ]);
});

test('a record tried alone is marked once by a worker, however often the database fails it', async () => {
  await world.stopWorkers();
  const [place] = await world.send([deposit('innocent')]);
  await world.rows(`UPDATE ledger.partitions SET singly_until = next_offset + 1 WHERE partition = $1`, [
    place?.partition,
  ]);
  await failBatches(world, { sqlstate: '40001', times: 6 });
  world.startWorker();
  await world.applied(60_000);
  const [row] = await world.rows(`SELECT available::text FROM ledger.balances WHERE user_id = 'innocent'`);
  expect(row).toEqual({ available: '1.000000000000000000' });
});

function deposit(userId: string): Sent {
  return { commandId: newCommandId(), command: { type: 'DepositFunds', userId, asset: 'USD', amount: UNIT } };
}

async function outcomes(): Promise<Record<string, string>> {
  const rows = await world.rows<{ outcome: string; count: string }>(
    'SELECT outcome::text, count(*)::text AS count FROM ledger.receipts GROUP BY 1 ORDER BY 1',
  );
  return Object.fromEntries(rows.map(({ outcome, count }) => [outcome, count]));
}
