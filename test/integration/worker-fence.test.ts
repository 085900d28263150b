import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { newCommandId } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ledgerFingerprint } from '../support/ledger-oracle.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';

let world: LedgerWorld;
let worker: ChildProcess;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'fence', 2);
  worker = world.startWorker();
  await world.send(deposits('first', 100));
  await world.applied(60_000);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('an owner whose epoch has moved writes nothing, leaves, and applies once from a new assignment', async () => {
  await claimAs('another-worker');
  await world.send(deposits('second', 100));
  await world.applied(60_000);
  const log = world.logOf(worker);
  expect(log.some((line) => line.event === 'batch_failed' && line.error?.code === 'TS001')).toBe(true);
  expect(log.filter((line) => line.event === 'partitions_fenced')).toHaveLength(1);
  expect(log.filter((line) => line.event === 'partitions_claimed')).toHaveLength(2);
  expect(await versions('second-%')).toEqual({ balances: '100', changes: '100' });
});

test('an idle owner notices as well, and reads again what was set back', async () => {
  const before = await ledgerFingerprint(world);
  const claims = () => world.logOf(worker).filter((line) => line.event === 'partitions_claimed').length;
  const claimed = claims();
  await world.rows(`SELECT ledger.rewind_partitions($1, ARRAY[0, 1], 0, 'test', 'offsets were lost')`, [
    world.topics.commands,
  ]);
  await eventually(() => claims() > claimed, { withinMs: 60_000 });
  await world.applied(60_000);
  expect(await ledgerFingerprint(world)).toEqual(before);
});

test('a rewind needs a name, a reason and an offset that is behind, and is open to no service', async () => {
  const rewind = `SELECT ledger.rewind_partitions($1, ARRAY[0], $2, $3, $4)`;
  const { commands } = world.topics;
  const audit = async () => await world.rows(`SELECT * FROM ledger.audit`);
  const before = await audit();
  for (const values of [
    [commands, 0, ' ', 'why'],
    [commands, 0, 'who', ''],
    [commands, -1, 'who', 'why'],
    [commands, 1_000_000, 'who', 'why'],
  ]) {
    await expect(world.rows(rewind, values)).rejects.toMatchObject({ code: '22023' });
  }
  for (const role of ['worker', 'gateway', 'projector', 'monitor']) {
    await world.rows(`SET ROLE tradestream_${role}`);
    await expect(world.rows(rewind, [commands, 0, 'who', 'why'])).rejects.toMatchObject({ code: '42501' });
    await world.rows('RESET ROLE');
  }
  expect(await audit()).toEqual(before);
});

test('a record that was parked stays parked when it is read again, whatever it decodes to by then', async () => {
  const bytes = Buffer.from('not a command yet');
  const [place] = await world.producer.send(world.topics.commands, [{ key: 'user:later', value: bytes, partition: 0 }]);
  await world.applied(60_000);
  await world.stopWorkers();
  const [record] = world.recordsOf(deposits('later', 1));
  // The log cannot be changed, so the parked row is moved to a record that decodes.
  const [good] = await world.producer.send(world.topics.commands, [
    { ...record, key: 'user:later-0', value: record?.value ?? null, partition: 0 },
  ]);
  await world.rows(`UPDATE ledger.parked SET "offset" = $2 WHERE "offset" = $1 AND partition = 0`, [
    place?.offset,
    good?.offset,
  ]);
  worker = world.startWorker();
  await world.applied(60_000);
  expect(await world.rows(`SELECT 1 FROM ledger.balances WHERE user_id = 'later-0'`)).toEqual([]);
  // Nor is it one more: alerts rest on the count.
  const url = world.logOf(worker).find(({ event }) => event === 'http_listening')?.url;
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain('tradestream_commands_total{outcome="parked",service="worker"} 0\n');
  const parked = await world.rows(`SELECT "offset"::int AS place, encode(sha256, 'hex') AS sha256 FROM ledger.parked`);
  expect(parked).toEqual([{ place: good?.offset, sha256: createHash('sha256').update(bytes).digest('hex') }]);
});

test('a log that is not the one applied stops its partition, and no other', async () => {
  await world.stopWorkers();
  await world.rows(`UPDATE ledger.partitions SET last_hash = '\\x00' WHERE partition = 1`);
  worker = world.startWorker();
  await stopped('partition-1', 'not the one that was applied');
  const [place] = await world.producer.send(world.topics.commands, [{ ...sent('flows'), partition: 0 }]);
  await eventually(async () => (await nextOffset(0)) > (place?.offset ?? 0), { withinMs: 60_000 });
});

test('an offset beyond the end stops its partition', async () => {
  await world.stopWorkers();
  await world.rows(
    `UPDATE ledger.partitions SET last_hash = NULL, next_offset = next_offset + 1000 WHERE partition = 1`,
  );
  worker = world.startWorker();
  await stopped('partition-1', 'beyond its end');
  expect(world.logOf(worker).some((line) => line.error?.code === 'LOG_CHANGED')).toBe(true);
  await world.rows(`UPDATE ledger.partitions SET next_offset = next_offset - 1000 WHERE partition = 1`);
});

test('records gone before they were applied stop their partition, and nothing is skipped', async () => {
  await world.stopWorkers();
  const [first] = await world.producer.send(
    world.topics.commands,
    [1, 2, 3].map(() => ({ ...sent('gone'), partition: 1 })),
  );
  const at = await nextOffset(1);
  await world.admin.deleteRecords(world.topics.commands, new Map([[1, (first?.offset ?? 0) + 2]]));
  worker = world.startWorker();
  await stopped('partition-1', 'gone from the log');
  expect(world.logOf(worker).some((line) => line.error?.code === 'LOG_EXPIRED')).toBe(true);
  expect(await nextOffset(1)).toBe(at);
});

function deposits(user: string, count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, index) => ({
    commandId: newCommandId(),
    command: { type: 'DepositFunds', userId: `${user}-${index}`, asset: 'USD', amount: UNIT },
  }));
}

function sent(user: string) {
  const [record] = world.recordsOf(deposits(user, 1));
  if (record === undefined) throw new Error('one command makes one record');
  return record;
}

/** Takes the partitions over as a worker that the group does not know would. */
async function claimAs(owner: string): Promise<void> {
  await world.rows(`SELECT ledger.claim($1, ARRAY[0, 1], $2, 3, 100)`, [world.topics.commands, owner]);
}

async function versions(users: string): Promise<unknown> {
  const [row] = await world.rows(
    `SELECT count(*)::text AS balances, sum(version)::text AS changes FROM ledger.balances WHERE user_id LIKE $1`,
    [users],
  );
  return row;
}

async function nextOffset(partition: number): Promise<number> {
  const [row] = await world.rows<{ next: string }>(
    'SELECT next_offset::text AS next FROM ledger.partitions WHERE topic = $1 AND partition = $2',
    [world.topics.commands, partition],
  );
  return Number(row?.next);
}

async function stopped(part: string, why: string): Promise<void> {
  await eventually(async () => (await world.unready(worker))[part]?.includes(why) ?? false, { withinMs: 60_000 });
}
