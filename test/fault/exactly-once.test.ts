import type { ChildProcess } from 'node:child_process';
import { sleep } from '@tradestream/runtime';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { makeFaultyLoad } from '../support/faulty-load.ts';
import { decideHistoryAgain, ledgerFingerprint } from '../support/ledger-oracle.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';

const COUNT = 20_000;
const SLICE = 400;
/** Long enough for the group to give a frozen worker's partitions away. */
const FROZEN_MS = 9_000;
const WORKER = { TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: '6000', TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '500' };

const load = makeFaultyLoad({ seed: 7, count: COUNT, users: 300 });
let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'exactly-once');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('two workers, three killed and one frozen under load: every command has exactly one outcome', async () => {
  const workers: ChildProcess[] = [world.startWorker(WORKER), world.startWorker(WORKER)];
  await world.send(load.setup);
  await world.applied(60_000);
  const slices = Math.ceil(load.sent.length / SLICE);
  let frozen: ChildProcess | undefined;
  for (let slice = 0; slice < slices; slice += 1) {
    await world.send(load.sent.slice(slice * SLICE, (slice + 1) * SLICE));
    if ([10, 25, 40].includes(slice)) {
      workers.shift()?.kill('SIGKILL');
      workers.push(world.startWorker(WORKER));
    }
    if (slice === 48) {
      frozen = workers[0];
      frozen?.kill('SIGSTOP');
    }
    await sleep(20);
  }
  await sleep(FROZEN_MS);
  frozen?.kill('SIGCONT');
  await world.applied(60_000);
  // What the woken worker still wanted to write is refused: nothing moves any more.
  const before = await ledgerFingerprint(world);
  await sleep(2_000);
  expect(await ledgerFingerprint(world)).toEqual(before);
  await expectOneOutcomeEach();
}, 180_000);

test('the history decided again gives every outcome and every balance again', async () => {
  expect(await decideHistoryAgain(world)).toEqual({ outcomes: 'equal', balances: 'equal', orders: 'equal' });
});

test('after the offsets are deleted and set to 0 every record is read again and not one row changes', async () => {
  const before = await ledgerFingerprint(world);
  await world.stopWorkers();
  await world.rows(`UPDATE ledger.partitions SET next_offset = 0, last_hash = NULL, epoch = epoch + 1, owner = NULL`);
  await world.admin.deleteGroup(world.group('transaction-worker'));
  world.startWorker(WORKER);
  await world.applied(90_000);
  expect(await ledgerFingerprint(world)).toEqual(before);
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
  const records = world
    .recordsOf(credits)
    .map((record, index) => ({ ...record, partition: credits[index]?.partition ?? 0 }));
  for (let start = 0; start < records.length; start += 100) {
    await world.producer.send(world.topics.commands, records.slice(start, start + 100));
  }
  await world.applied(60_000);
  const [sums] = await world.rows<{ users: string; total: string; least: string }>(
    `SELECT count(*)::text AS users, sum(available)::text AS total, min(available)::text AS least
     FROM ledger.balances WHERE asset = 'EUR'`,
  );
  expect(sums).toEqual({ users: '1000', total: '3000.000000000000000000', least: '3.000000000000000000' });
}, 120_000);

async function expectOneOutcomeEach(): Promise<void> {
  const [counts] = await world.rows<{
    receipts: string;
    ids: string;
    conflicts: string;
    parked: string;
    events: string;
  }>(
    `SELECT (SELECT count(*) FROM ledger.receipts)::text AS receipts,
            (SELECT count(DISTINCT command_id) FROM ledger.events)::text AS ids,
            (SELECT count(*) FROM ledger.conflicts)::text AS conflicts,
            (SELECT count(*) FROM ledger.parked)::text AS parked,
            (SELECT count(*) FROM ledger.events)::text AS events`,
  );
  const all = String(load.commands.size + load.setup.length);
  expect(counts).toEqual({ receipts: all, ids: all, conflicts: String(load.conflicts), parked: '0', events: all });
}
