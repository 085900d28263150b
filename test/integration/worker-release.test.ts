import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { encodeCommand, frame, newCommandId } from '@tradestream/contracts';
import { type TradeCommand, UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type AskedFor, askFor } from '../support/intents.ts';
import { decideHistoryAgain, ledgerFingerprint } from '../support/ledger-oracle.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { verifyWorld } from '../support/verify-world.ts';

const SETTLED = { withinMs: 60_000 } as const;
const SETTINGS = { TRADESTREAM_WORKER_RELEASE_RECORDS_MAX: '20', TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: '6000' };
const UNKNOWN_SCHEMA = 987_654;
let world: LedgerWorld;
let worker: ChildProcess;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'release', 2);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('99 of 100 keys finish while one waits behind its poison; a redrive releases it in order, newer commands last', async () => {
  const commands = Array.from({ length: 5_000 }, (_, index) => deposit(`key-${index % 100}`));
  const sent = commands.filter((_, index) => index % 100 === 7);
  // A constraint that no command should meet stands for a defect that shows in the database alone.
  const poison = async (...at: readonly number[]) => {
    const ids = at.map((index) => `'${sent[index]?.commandId}'`).join();
    await world.rows('ALTER TABLE ledger.events DROP CONSTRAINT IF EXISTS poison');
    if (at.length > 0) {
      await world.rows(`ALTER TABLE ledger.events ADD CONSTRAINT poison CHECK (command_id NOT IN (${ids})) NOT VALID`);
    }
  };
  await poison(9, 11);
  await world.send(commands);
  worker = world.startWorker(SETTINGS);
  await world.applied(60_000);
  expect(await queueOf('key-7')).toEqual({ parked: 1, waiting: 40 });
  const done = await world.rows(`SELECT user_id FROM ledger.balances WHERE available = 50`);
  expect(done).toHaveLength(99);

  // Nothing is mended yet: it fails again, and is shown so against its redrive.
  await askFor(world, { kind: 'redrive', where: `k.reason = 'COMMAND_FAILED'` });
  const [failed] = await executed(1);
  expect(failed).toMatchObject({ kind: 'redrive', outcome: 'parked', attempts: 2, status: 'parked' });
  expect(failed?.message).toContain('poison');
  expect(await queueOf('key-7')).toEqual({ parked: 1, waiting: 40 });

  // Mended for the first, not for the third: what is behind that waits on, in its order.
  await poison(11);
  await askFor(world, { kind: 'redrive', where: `k.key = 'user:key-7'` });
  await executed(42);
  expect(await queueOf('key-7')).toEqual({ parked: 1, waiting: 38 });
  await poison();
  await askFor(world, { kind: 'redrive', where: `k.key = 'user:key-7' AND k.reason = 'COMMAND_FAILED'` });
  await world.send([deposit('key-7')]);
  await eventually(async () => (await queueOf('key-7')).waiting === 0, SETTLED);
  await world.applied(60_000);

  const applied = await world.rows<{ id: string }>(
    `SELECT command_id::text AS id FROM ledger.events WHERE key = 'user:key-7' AND type = 'FundsDeposited' ORDER BY seq`,
  );
  expect(applied).toHaveLength(51);
  // Each failure was found by halving.
  const halved = world.logOf(worker).filter(({ event }) => event === 'release_narrowed');
  expect(halved.length).toBeLessThanOrEqual(25);
  expect(applied.slice(0, 50).map(({ id }) => id)).toEqual(sent.map(({ commandId }) => commandId));
  await agree();
});

test('a discard releases what is behind it; a redrive of what waits is told for whom', async () => {
  await refuse('dora');
  await world.send(Array.from({ length: 4 }, () => deposit('dora')));
  await world.applied(60_000);
  const before = await countExecuted();
  await askFor(world, { kind: 'redrive', where: `k.key = 'user:dora' AND k.reason = 'BEHIND_PARKED'` });
  const told = await executed(before + 3);
  expect(told.slice(-3).map(({ outcome }) => outcome)).toEqual(['parked', 'parked', 'parked']);
  expect(told.at(-1)?.message).toContain('waits behind');
  await world.rows('ALTER TABLE ledger.balances DROP CONSTRAINT refused');
  // As six processes leave it that each died of it: it is not tried again.
  await world.rows(`UPDATE ledger.parked SET tries = 6 WHERE key = 'user:dora' AND reason = 'COMMAND_FAILED'`);
  await askFor(world, { kind: 'redrive', where: `k.key = 'user:dora' AND k.reason = 'COMMAND_FAILED'` });
  const [killer] = (await executed(before + 4)).slice(-1);
  expect(killer).toMatchObject({ outcome: 'parked', status: 'parked', attempts: 2 });
  await askFor(world, { kind: 'discard', where: `k.key = 'user:dora' AND k.reason = 'WORKER_KILLED'` });
  await eventually(async () => (await queueOf('dora')).waiting === 0, SETTLED);
  expect(await outcomesOf('dora')).toEqual(['discarded', 'applied', 'applied', 'applied']);
  await agree();
});

test('an edit is decided in place of what was sent; copies of both are duplicates, a third payload is a conflict', async () => {
  await refuse('emil');
  const [first, second] = [deposit('emil', 7n), deposit('emil', 1n)];
  await world.send([first, second]);
  await world.applied(60_000);
  await world.rows('ALTER TABLE ledger.balances DROP CONSTRAINT refused');
  const before = await countExecuted();
  const poison = `k.key = 'user:emil' AND k.reason = 'COMMAND_FAILED'`;
  await askFor(world, edit(poison, { ...first, command: deposit('another', 5n).command }));
  await executed(before + 1);
  await askFor(world, edit(poison, deposit('emil', 5n)));
  const refused = await executed(before + 2);
  expect(refused.slice(-2).map(({ outcome, attempts }) => ({ outcome, attempts }))).toEqual([
    { outcome: 'parked', attempts: 3 },
    { outcome: 'parked', attempts: 3 },
  ]);
  const edited = { ...first, command: deposit('emil', 5n).command };
  await askFor(world, edit(poison, edited));
  await eventually(async () => (await queueOf('emil')).parked === 0, SETTLED);
  expect(await balanceOf('emil')).toBe('6.000000000000000000');

  const print = await ledgerFingerprint(world);
  await world.send([first, edited]);
  await world.applied(60_000);
  expect(await ledgerFingerprint(world)).toEqual(print);
  await world.send([{ ...first, command: deposit('emil', 9n).command }]);
  await world.applied(60_000);
  const conflicts = await world.rows(`SELECT 1 FROM ledger.conflicts WHERE command_id = $1`, [first.commandId]);
  expect(conflicts).toHaveLength(1);
  const [audit] = await world.rows<{ hashes: boolean }>(
    `SELECT details ->> 'originalHash' <> details ->> 'editedHash' AS hashes FROM ledger.audit
     WHERE action = 'EDIT_PARKED' AND details ->> 'outcome' = 'applied' AND details ->> 'commandId' = $1`,
    [first.commandId],
  );
  expect(audit).toEqual({ hashes: true });
  await agree();
  // The check would see an event that is of neither payload.
  const swap = `UPDATE ledger.edits SET edited_hash = original_hash, original_hash = edited_hash WHERE command_id = $1`;
  await world.rows(swap, [first.commandId]);
  expect((await verifyWorld(world)).firstContradiction).toContain('another payload');
  await world.rows(swap, [first.commandId]);
});

test('bytes that nobody could read are applied once their schema is known or an edit makes a command of them', async () => {
  const [unknown, mangled] = [deposit('eve', 3n), deposit('eve', 4n)];
  const value = (sent: Sent, id = UNKNOWN_SCHEMA) => frame(id, encodeCommand(sent));
  const sound = deposit('eve', 1n);
  const records = [value(unknown), value(sound), value(mangled, world.commandSchemaId).subarray(0, -2)];
  await world.producer.send(
    world.topics.commands,
    records.map((each) => ({ key: 'user:eve', value: each })),
  );
  await world.send([sound]); // flows: what is no command blocks no key
  await world.applied(60_000);
  expect(await balanceOf('eve')).toBe('1.000000000000000000');
  const before = await countExecuted();
  await askFor(world, { kind: 'redrive', where: `k.reason = 'SCHEMA_UNKNOWN'` });
  const early = await executed(before + 2);
  expect(early.slice(-2).map(({ outcome, attempts }) => ({ outcome, attempts }))).toEqual([
    { outcome: 'parked', attempts: 2 },
    { outcome: 'parked', attempts: 2 },
  ]);
  await world.rows('INSERT INTO ledger.schemas (id, schema) SELECT $1, schema FROM ledger.schemas WHERE id = $2', [
    UNKNOWN_SCHEMA,
    world.commandSchemaId,
  ]);
  await askFor(world, { kind: 'redrive', where: `k.reason = 'SCHEMA_UNKNOWN'` });
  await askFor(world, edit(`k.reason = 'UNDECODABLE'`, mangled));
  const late = await executed(before + 5);
  expect(late.slice(-3).map(({ outcome, status }) => ({ outcome, status }))).toEqual([
    { outcome: 'applied', status: 'applied' },
    { outcome: 'discarded', status: 'discarded' },
    { outcome: 'applied', status: 'applied' },
  ]);
  expect(await balanceOf('eve')).toBe('8.000000000000000000');
  await agree();
});

test('1,000 parked commands asked for twice at once, their worker killed in the middle: one effect each', async () => {
  await world.rows(`ALTER TABLE ledger.balances ADD CONSTRAINT mass CHECK (user_id NOT LIKE 'mass-%')`);
  await world.send(Array.from({ length: 1_000 }, (_, index) => deposit(`mass-${index % 10}`)));
  await world.applied(60_000);
  await world.rows('ALTER TABLE ledger.balances DROP CONSTRAINT mass');
  const before = await countExecuted();
  // One of them is as if it had ended three processes: it goes alone. Half of the keys have an intent for their head only.
  await world.rows(`UPDATE ledger.parked SET tries = 3 WHERE key = 'user:mass-3' AND reason = 'COMMAND_FAILED'`);
  const all: AskedFor = {
    kind: 'redrive',
    where: `k.key LIKE 'user:mass-%' AND (k.reason = 'COMMAND_FAILED' OR k.key < 'user:mass-5')`,
  };
  await Promise.all([askFor(world, all), askFor(world, { ...all, actor: 'otto' })]);
  await eventually(async () => (await countExecuted()) > before + 50, { ...SETTLED, everyMs: 2 });
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect(await countExecuted()).toBeLessThan(before + 505);
  worker = world.startWorker({ ...SETTINGS, TRADESTREAM_WORKER_KEY_WAITING_MAX: '20' });
  await executed(before + 505, 60_000);
  await eventually(
    async () => (await world.rows(`SELECT 1 FROM ledger.parked WHERE status = 'parked'`)).length === 0,
    SETTLED,
  );
  const [sum] = await world.rows(
    `SELECT count(*)::int AS users, min(available)::text AS least, max(available)::text AS most FROM ledger.balances
     WHERE user_id LIKE 'mass-%'`,
  );
  expect(sum).toEqual({ users: 10, least: '100.000000000000000000', most: '100.000000000000000000' });
  const [audits] = await world.rows<{ count: number }>(
    `SELECT count(*)::int AS count FROM ledger.audit WHERE action = 'REDRIVE_PARKED' AND details ->> 'outcome' = 'applied'
       AND (details ->> 'parkedId')::bigint IN (SELECT id FROM ledger.parked WHERE key LIKE 'user:mass-%')`,
  );
  expect(audits).toEqual({ count: 505 });
  await agree();
});

test('a full queue pauses its partition alone, says so, and goes on when it is released', async () => {
  await refuse('carl');
  const [place] = await world.send(Array.from({ length: 40 }, () => deposit('carl')));
  const part = `queues-${place?.partition}`;
  await eventually(async () => (await world.unready(worker))[part]?.includes('user:carl') ?? false, SETTLED);
  await eventually(async () => (await queueOf('carl')).waiting === 20, SETTLED); // what still fits lands
  const labels = `{partition="${place?.partition}",service="worker"}`;
  await eventually(async () => {
    const metrics = await (await fetch(`${urlOf(worker)}/metrics`)).text();
    return ['key_waiting', 'paused'].every((name, index) =>
      metrics.includes(`tradestream_worker_${name}${labels} ${[20, 1][index]}\n`),
    );
  }, SETTLED);
  const others = Array.from({ length: 8 }, (_, index) => deposit(`other-${index}`));
  const places = await world.send(others);
  const flowing = places.filter(({ partition }) => partition !== place?.partition);
  expect(flowing.length).toBeGreaterThan(0);
  await eventually(async () => (await receiptsOf(others)).length === flowing.length, SETTLED);

  await world.rows('ALTER TABLE ledger.balances DROP CONSTRAINT refused');
  await askFor(world, { kind: 'redrive', where: `k.key = 'user:carl' AND k.reason = 'COMMAND_FAILED'` });
  await world.applied(60_000);
  await eventually(async () => (await balanceOf('carl')) === '40.000000000000000000', SETTLED);
  await eventually(async () => Object.keys(await world.unready(worker)).length === 0, SETTLED);
  await agree();
});

/** Every other thing that can tell says the same. */
async function agree(): Promise<void> {
  expect(await decideHistoryAgain(world)).toEqual({ outcomes: 'equal', balances: 'equal', orders: 'equal' });
  expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
}

async function refuse(user: string): Promise<void> {
  await world.rows(`ALTER TABLE ledger.balances ADD CONSTRAINT refused CHECK (user_id <> '${user}')`);
}

function deposit(userId: string, amount = 1n): Sent {
  const command: TradeCommand = { type: 'DepositFunds', userId, asset: 'USD', amount: amount * UNIT };
  return { commandId: newCommandId(), command };
}

function edit(where: string, sent: Sent): AskedFor {
  return { kind: 'edit', where, editedValue: frame(world.commandSchemaId, encodeCommand(sent)) };
}

async function queueOf(user: string): Promise<{ parked: number; waiting: number }> {
  const [row] = await world.rows<{ parked: number; waiting: number }>(
    `SELECT count(*) FILTER (WHERE k.reason <> 'BEHIND_PARKED')::int AS parked,
       count(*) FILTER (WHERE k.reason = 'BEHIND_PARKED')::int AS waiting
     FROM ledger.parked AS k JOIN ledger.receipts AS r USING (command_id)
     WHERE k.key = convert_to('user:' || $1, 'UTF8') AND k.status = 'parked' AND r.outcome = 'parked' AND r.reason = k.reason`,
    [user],
  );
  return row ?? { parked: -1, waiting: -1 };
}

async function outcomesOf(user: string): Promise<readonly string[]> {
  const rows = await world.rows<{ outcome: string }>(
    `SELECT r.outcome::text AS outcome FROM ledger.parked AS k JOIN ledger.receipts AS r USING (command_id)
     WHERE k.key = convert_to('user:' || $1, 'UTF8') AND k.status = r.outcome::text ORDER BY k."offset"`,
    [user],
  );
  return rows.map(({ outcome }) => outcome);
}

async function balanceOf(user: string): Promise<string | undefined> {
  const [row] = await world.rows<{ available: string }>(
    'SELECT available::text FROM ledger.balances WHERE user_id = $1',
    [user],
  );
  return row?.available;
}

async function receiptsOf(commands: readonly Sent[]): Promise<readonly object[]> {
  const ids = commands.map(({ commandId }) => commandId);
  return await world.rows('SELECT 1 FROM ledger.receipts WHERE command_id = ANY ($1::uuid[])', [ids]);
}

function urlOf(child: ChildProcess): string | undefined {
  return world.logOf(child).find(({ event }) => event === 'http_listening')?.url;
}

async function countExecuted(): Promise<number> {
  const [row] = await world.rows<{ count: number }>(
    'SELECT count(*)::int AS count FROM ledger.intents WHERE executed_at IS NOT NULL',
  );
  return row?.count ?? 0;
}

type Executed = { kind: string; outcome: string; message: string | null; attempts: number; status: string };

/** All intents in their order, once so many were executed and none is open. */
async function executed(count: number, withinMs = 60_000): Promise<readonly Executed[]> {
  return await eventually(
    async () => {
      const rows = await world.rows<Executed>(
        `SELECT i.kind, i.outcome, i.message, k.attempts, k.status FROM ledger.intents AS i JOIN ledger.parked AS k ON k.id = i.parked_id
         ORDER BY i.id`,
      );
      const open = rows.filter(({ outcome }) => outcome === null).length;
      if (open > 0 || rows.length < count) throw new Error(`${rows.length} intents, ${open} of them open`);
      return rows;
    },
    { withinMs },
  );
}
