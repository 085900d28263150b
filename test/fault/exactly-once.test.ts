import type { ChildProcess } from 'node:child_process';
import { payloadHash } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { verifyInstallation } from '@tradestream/verify';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { decideHistoryAgain, ledgerFingerprint, viewsFingerprint } from '../support/ledger-oracle.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';

const COUNT = 20_000;
const SLICE = 400;
const KILLED_AT: readonly number[] = [10, 25, 40];
const FROZEN_AT = 48;
const WORKER = { TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: '6000', TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '500' };

const load = makeFaultyLoad({ seed: 7, count: COUNT, users: 300 });
/** Every record of the commands topic, by its place. */
const records = new Map<string, Sent>();
let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'exactly-once');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('two workers, three killed and one frozen under load: every record has exactly one outcome', async () => {
  let workers: readonly ChildProcess[] = [world.startWorker(WORKER), world.startWorker(WORKER)];
  world.startProjector();
  await send(load.setup);
  await world.applied(60_000);
  const frozenAt = new Map<ChildProcess, number>();
  for (let slice = 0; slice * SLICE < load.sent.length; slice += 1) {
    await send(load.sent.slice(slice * SLICE, (slice + 1) * SLICE));
    const [victim, ...others] = workers;
    if (victim === undefined || ![...KILLED_AT, FROZEN_AT].includes(slice)) continue;
    await eventually(() => hasApplied(victim), { withinMs: 60_000 });
    if (slice === FROZEN_AT) frozenAt.set(victim, claimsOf(victim));
    victim.kill(slice === FROZEN_AT ? 'SIGSTOP' : 'SIGKILL');
    workers = slice === FROZEN_AT ? others : [...others, world.startWorker(WORKER)];
  }
  // The group takes the frozen worker for dead, and the other applies the rest under new epochs.
  await world.applied(60_000);
  const before = await ledgerFingerprint(world);
  for (const [frozen, claims] of frozenAt) {
    frozen.kill('SIGCONT');
    await eventually(() => claimsOf(frozen) > claims, { withinMs: 60_000 });
  }
  // What it still wanted to write when it woke was refused.
  expect(await ledgerFingerprint(world)).toEqual(before);
  await expectOneOutcomeEach();
}, 180_000);

test('the history decided again gives every outcome and every balance again', async () => {
  expect(await decideHistoryAgain(world)).toEqual({ outcomes: 'equal', balances: 'equal', orders: 'equal' });
});

test('verify finds nothing', async () => {
  await world.projected(60_000);
  expect(await verify()).toMatchObject({ ok: true, firstContradiction: null });
});

test('after the offsets are deleted and set to 0 every record is read again and not one row changes', async () => {
  const before = { ...(await ledgerFingerprint(world)), ...(await viewsFingerprint(world)) };
  await world.stopWorkers();
  await world.admin.deleteGroup(world.group('transaction-worker'));
  const rewound = await world.rows(
    `SELECT * FROM ledger.rewind_partitions($1, ARRAY[0, 1, 2, 3, 4, 5], 0, 'test', 'every record is read again')`,
    [world.topics.commands],
  );
  expect(rewound).toHaveLength(6);
  const worker = world.startWorker(WORKER);
  await world.applied(90_000);
  expect({ ...(await ledgerFingerprint(world)), ...(await viewsFingerprint(world)) }).toEqual(before);
  const read = world.logOf(worker).find((line) => line.event === 'partitions_claimed');
  expect(read).toMatchObject({ partitions: [0, 1, 2, 3, 4, 5].map(() => ({ nextOffset: 0 })) });
  const audit = await world.rows<{ partition: number; from: string }>(
    `SELECT (details ->> 'partition')::int AS partition, details ->> 'fromOffset' AS from FROM ledger.audit
     WHERE action = 'REWIND_PARTITION' AND actor = 'test' AND why = 'every record is read again' ORDER BY 1`,
  );
  expect(audit.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(audit.reduce((sum, { from }) => sum + Number(from), 0)).toBe(records.size);
}, 120_000);

test('1,000 first credits from two partitions at once are all kept', async () => {
  const users = Array.from({ length: 1_000 }, (_, index) => `fresh-${index}`);
  world.startWorker(WORKER);
  const credits = users.flatMap((userId, index) =>
    [0, 1].map((side) => ({
      commandId: `0190f000-0000-7000-800${side}-${index.toString(16).padStart(12, '0')}`,
      command: { type: 'DepositFunds', userId, asset: 'EUR', amount: BigInt(side + 1) * UNIT } as const,
      partition: side * 3 + (index % 3),
    })),
  );
  const outgoing = world
    .recordsOf(credits)
    .map((record, index) => ({ ...record, partition: credits[index]?.partition ?? 0 }));
  for (let start = 0; start < outgoing.length; start += 100) {
    await world.producer.send(world.topics.commands, outgoing.slice(start, start + 100));
  }
  await world.applied(60_000);
  const [sums] = await world.rows<{ users: string; total: string; least: string }>(
    `SELECT count(*)::text AS users, sum(available)::text AS total, min(available)::text AS least
     FROM ledger.balances WHERE asset = 'EUR'`,
  );
  expect(sums).toEqual({ users: '1000', total: '3000.000000000000000000', least: '3.000000000000000000' });
  await world.projected(60_000);
  expect(await verify()).toMatchObject({ ok: true, firstContradiction: null });
}, 120_000);

function claimsOf(worker: ChildProcess): number {
  return world.logOf(worker).filter((line) => line.event === 'partitions_claimed').length;
}

/** Whether a worker owns partitions and has moved each of them, or found nothing to do: one that dies sooner looks like one that a record has killed. */
async function hasApplied(worker: ChildProcess): Promise<boolean> {
  const claim = world.logOf(worker).findLast((line) => line.event === 'partitions_claimed');
  const rows = await world.rows<{ partition: number; next: number }>(
    'SELECT partition, next_offset::int AS next FROM ledger.partitions WHERE topic = $1',
    [world.topics.commands],
  );
  const ends = new Map((await world.admin.ranges(world.topics.commands)).map(({ partition, end }) => [partition, end]));
  return (
    claim?.partitions?.every(({ partition, nextOffset }) =>
      rows.some((row) => row.partition === partition && (row.next > nextOffset || row.next === ends.get(partition))),
    ) ?? false
  );
}

async function send(commands: readonly Sent[]): Promise<void> {
  const places = await world.send(commands);
  for (const [index, { partition, offset }] of places.entries()) {
    const command = commands[index];
    if (command !== undefined) records.set(`${partition}/${offset}`, command);
  }
}

/**
 * Each record is its id's receipt, a duplicate of it (the same payload, and nothing kept), or a
 * conflict with it (another payload, kept by its place).
 */
async function expectOneOutcomeEach(): Promise<void> {
  const receipts = await world.rows<{ command_id: string; place: string; hash: string; events: string }>(
    `SELECT r.command_id, r.partition || '/' || r."offset" AS place, encode(r.payload_hash, 'hex') AS hash,
            (SELECT count(*) FROM ledger.events AS e WHERE e.command_id = r.command_id AND e.partition = r.partition AND e.seq = r.seq)::text AS events
     FROM ledger.receipts AS r`,
  );
  const byId = new Map(receipts.map((receipt) => [receipt.command_id, receipt]));
  expect(receipts.every(({ events }) => events === '1')).toBe(true);
  const expected = { receipts: 0, conflicts: [] as string[] };
  for (const [place, { commandId, command }] of records) {
    const receipt = byId.get(commandId);
    if (receipt?.place === place) expected.receipts += 1;
    if (receipt?.hash !== payloadHash(command).toString('hex')) expected.conflicts.push(place);
  }
  const conflicts = await world.rows<{ place: string }>(
    `SELECT partition || '/' || "offset" AS place FROM ledger.conflicts`,
  );
  expect(receipts).toHaveLength(load.commands.size + load.setup.length);
  expect(expected.receipts).toBe(receipts.length);
  expect(conflicts.map(({ place }) => place).toSorted()).toEqual(expected.conflicts.toSorted());
  expect(conflicts.length).toBeGreaterThanOrEqual(load.conflicts);
  const [counts] = await world.rows(
    `SELECT (SELECT count(*) FROM ledger.events)::text AS events, (SELECT count(*) FROM ledger.parked)::text AS parked`,
  );
  expect(counts).toEqual({ events: String(receipts.length), parked: '0' });
}

async function verify() {
  const { endpoints } = world.database;
  return await verifyInstallation(endpoints, { signal: AbortSignal.timeout(60_000), topicPrefix: world.group('') });
}
