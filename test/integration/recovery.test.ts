import type { ChildProcess } from 'node:child_process';
import type { AlertAnswer } from '@tradestream/answers';
import { newCommandId } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import {
  archiveReceipts,
  askOf,
  type DryRunOrigin,
  differencesOf,
  dryRunCommands,
  forgetCommands,
  forgetReceipts,
  openRecoverySession,
  replayCommands,
  takeSnapshot,
} from '@tradestream/recovery';
import { decide, type TradeCommand } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { receiptOf, usdOf } from '../support/ledger-readings.ts';
import type { LedgerWorld, Sent } from '../support/ledger-world.ts';
import { waitsForLock } from '../support/lock-waits.ts';
import { addDiscarded, fingerprintOf, hotReceipts, loseLog, skipToEnd } from '../support/lost-records.ts';
import { MONITOR_TOKENS } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import {
  amount,
  fundsOf,
  numbers,
  ordersOf,
  PAIRS,
  ROUNDED,
  roundUp,
  sent,
  TRADES,
  tradeOf,
} from '../support/rounding-market.ts';
import { runCli } from '../support/run-cli.ts';
import { verifyWorld } from '../support/verify-world.ts';

const WITHIN = { withinMs: 60_000 } as const;
const TEST_MS = 150_000;
const OLD = 500;
let world: LedgerWorld;
/** As the monitor's role: what it may not do, no job can. */
let session: Session;
/** Of the workers. */
let group: string;
const signal = new AbortController().signal;

beforeAll(async () => {
  world = await openMonitorWorld(inject('endpoints'), 'recovery', 2);
  session = await openRecoverySession(world.database.serviceUrls.monitor, signal);
  group = world.group('');
  startWorker();
  await apply(
    numbers(OLD).map((n) => sent({ type: 'DepositFunds', userId: `old-${n}`, asset: 'USD', amount: amount('1') })),
  );
});
afterAll(async () => {
  await session.close();
  await world[Symbol.asyncDispose]();
});

test(
  'records read again change nothing, whoever dies on the way; those that never had an outcome get it and are counted',
  async () => {
    const before = await fingerprintOf(world);
    await world.stopWorkers();
    const ended = { worker: null as ChildProcess | null };
    const all = await replay({ kind: 'offset', offset: 0 }, async (done, total) => {
      if (ended.worker === null) {
        ended.worker = startWorker({ TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '1' });
      } else if (done > 0 && done < total && ended.worker.signalCode === null) {
        ended.worker.kill('SIGKILL');
        // The group waits for the dead one; what is the ledger's does not.
        group = world.group('second-');
        startWorker();
      }
    });
    expect(ended.worker?.signalCode).toBe('SIGKILL');
    expect(all).toMatchObject({ records: OLD, new: 0 });
    expect(await fingerprintOf(world)).toEqual(before);

    await world.stopWorkers();
    const lost = numbers(3).map((n) =>
      sent({ type: 'DepositFunds', userId: `lost-${n}`, asset: 'USD', amount: amount('1') }),
    );
    const sentAtMs = Date.now();
    await world.send(lost);
    await skipToEnd(world);
    startWorker();
    const found = await replay({ kind: 'time', timeMs: sentAtMs });
    expect(found).toMatchObject({ records: 3, new: 3, applied: 3, rejected: 0, parked: 0, conflicts: 0 });
    const again = await replay({ kind: 'command', commandId: lost[0]?.commandId ?? '' });
    expect(again.records).toBeGreaterThan(0);
    expect(again.new).toBe(0);
    await expect(replay({ kind: 'command', commandId: newCommandId() })).rejects.toMatchObject({
      code: 'REPLAY_UNKNOWN_COMMAND',
    });
    const audit = await world.rows(`SELECT DISTINCT actor, why FROM ledger.audit WHERE action = 'REWIND_PARTITION'`);
    expect(audit).toEqual([{ actor: 'ada', why: 'a drill' }]);
  },
  TEST_MS,
);

test(
  'a command whose record has expired and whose receipt is archived is still known, until it is forgotten on purpose',
  async () => {
    const deposit = sent({ type: 'DepositFunds', userId: 'kept', asset: 'USD', amount: amount('5') });
    await apply([deposit]);
    const first = await receiptOf(world, deposit.commandId);
    await loseLog(world);
    const there = await hotReceipts(world);
    await restartWorker();
    // The worker meets the receipt on its way: its insert waits, and finds it gone.
    await session.query({ text: 'BEGIN' });
    const moved = await archiveReceipts({ ...source(), signal, batchEvents: 50, onMoved: async () => undefined });
    await world.send([deposit]);
    await eventually(() => waitsForLock(world), WITHIN);
    await session.commit();
    await world.applied(WITHIN.withinMs);
    expect(await hotReceipts(world)).toBe(0);
    expect(there).toBeGreaterThan(OLD);
    expect(moved).toBe(there);
    const { commandId } = deposit;
    await expect(replay({ kind: 'command', commandId })).rejects.toMatchObject({ code: 'REPLAY_NOT_ON_LOG' });
    await expect(replay({ kind: 'offset', offset: 0 }, undefined, [99])).rejects.toMatchObject({
      code: 'REPLAY_NO_PARTITION',
    });

    await restartWorker();
    const other = { ...deposit, command: { ...deposit.command, amount: amount('6') } as TradeCommand };
    await apply([deposit, other]);
    expect(await usdOf(world, 'kept')).toBe('5');
    expect(await receiptOf(world, deposit.commandId)).toEqual({
      ...first,
      conflicts: [expect.anything()],
      token: expect.anything(),
    });
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });

    // By id: of two that are named only that one is there which was archived, and the others are kept.
    const named = { ask: askOf(session), commandIds: [commandId, newCommandId()], actor: 'ada', why: 'this one alone' };
    expect(await forgetCommands(named)).toBe(1);
    expect(await forgetCommands(named)).toBe(0);
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });

    await forgetReceipts({
      ...source(),
      beforeMs: Date.now() + 1,
      actor: 'ada',
      why: 'the law wants it',
      signal,
      onForgotten: async () => undefined,
    });
    await restartWorker();
    await apply([deposit]);
    expect(await usdOf(world, 'kept')).toBe('10');
    expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
    await takeSnapshot(session, { topic: world.topics.commands, actor: 'ada', why: 'to be broken', keep: 1 });
    await brokenBy(
      `UPDATE ledger.snapshot_balances SET available = available + 1 WHERE user_id = 'kept'`,
      'kept USD is 11 + 0',
      `UPDATE ledger.snapshot_balances SET available = available - 1 WHERE user_id = 'kept'`,
    );
    await brokenBy(
      `INSERT INTO ledger.receipt_archive SELECT command_id, batch, "offset", seq, now(), partition, index, outcome, payload_hash, reason
     FROM ledger.receipts LIMIT 1`,
      'has a receipt and another one in the archive',
      'DELETE FROM ledger.receipt_archive AS a USING ledger.receipts AS r WHERE r.command_id = a.command_id',
    );
    expect(
      await world.rows(`SELECT actor, why FROM ledger.audit WHERE action = 'FORGET_RECEIPTS' ORDER BY id`),
    ).toEqual([
      { actor: 'ada', why: 'this one alone' },
      { actor: 'ada', why: 'the law wants it' },
    ]);
  },
  TEST_MS,
);

test(
  'a dry run lists exactly the accounts and sums that a mended rounding changes, and leaves the ledger alone',
  async () => {
    await restartWorker({ NODE_OPTIONS: '--import ./test/support/plant-rounding.ts' });
    await apply(numbers(PAIRS).flatMap(fundsOf));
    await apply(numbers(PAIRS).flatMap(ordersOf));
    const snapshot = await takeSnapshot(session, {
      topic: world.topics.commands,
      actor: 'ada',
      why: 'before the trades',
      keep: 1,
    });
    const trades = numbers(TRADES).map(tradeOf);
    await apply(trades.slice(0, TRADES / 2));
    await apply(trades.slice(TRADES / 2));
    const before = await fingerprintOf(world);

    const first = { origin: { kind: 'command', commandId: trades[0]?.commandId ?? '' }, partitions: null } as const;
    const run = newCommandId();
    const result = await dryRun(run, first);
    expect(result).toMatchObject({ base: { snapshot: snapshot.id }, decided: TRADES });
    const affected = TRADES / PAIRS;
    expect(result.differences).toEqual({ events: ROUNDED * affected, orders: 0, balances: 2 * ROUNDED });
    expect(result.assets).toEqual([{ asset: 'USD', accounts: 2 * ROUNDED, available: '0', held: '0' }]);
    const { rows } = await session.query<{ key: string; told: Funds; again: Funds }>(
      differencesOf({ run, kind: 'balance', after: '', limit: 100 }),
    );
    const sums = rows.map(({ key, told, again }) => [
      key,
      amount(again.available) - amount(told.available),
      again.held === told.held,
    ]);
    expect(sums).toEqual([
      ...numbers(ROUNDED).map((n) => [`USD buyer-${n}`, BigInt(affected), true]),
      ...numbers(ROUNDED).map((n) => [`USD seller-${n}`, -BigInt(affected), true]),
    ]);

    const whole = await dryRun(newCommandId(), { batch: 0 });
    expect(whole).toMatchObject({
      base: 'beginning',
      folded: 0,
      differences: result.differences,
      assets: result.assets,
    });
    const asApplied = await dryRun(newCommandId(), first, roundUp);
    expect(asApplied.differences).toEqual({ events: 0, orders: 0, balances: 0 });

    const later = { ...first, origin: { ...first.origin, commandId: trades[TRADES / 2]?.commandId ?? '' } };
    const stopped = newCommandId();
    const stop = dryRun(stopped, later, decide, () => Promise.reject(new Error('the process ends here')));
    await expect(stop).rejects.toThrow('ends here');
    const resumed = await dryRun(stopped, later);
    expect(resumed).toEqual(await dryRun(newCommandId(), later));
    expect(resumed.folded).toBeGreaterThan(0);
    expect(resumed.differences.events).toBeGreaterThan(0);
    expect(await fingerprintOf(world)).toEqual(before);
  },
  TEST_MS,
);

test(
  'a dry run of a rule that refuses an order follows all that it would have led to',
  async () => {
    const run = newCommandId();
    const refusing: typeof decide = (command, state) =>
      command.type === 'PlaceOrder' && command.orderId === 'buy-9'
        ? { accepted: false, reason: 'INVALID_AMOUNT' }
        : roundUp(command, state);
    const result = await dryRun(run, { batch: 0 }, refusing);
    const affected = TRADES / PAIRS;
    // The order and its trades; both orders; both users in both assets, but for the quote that the buyer holds no more.
    expect(result.differences).toEqual({ events: 1 + affected, orders: 2, balances: 4 });
    const { rows } = await session.query(differencesOf({ run, kind: 'order', after: '', limit: 100 }));
    expect(rows).toMatchObject([
      { key: 'buy-9', again: null },
      { key: 'sell-9', again: { filled: '0', status: 'open' } },
    ]);
  },
  TEST_MS,
);

test(
  'an operator asks for all of it on the command line; the jobs have an audit',
  async () => {
    await world.rows(
      `INSERT INTO ledger.jobs (id, kind, state, actor, why, lease_until)
       VALUES (gen_random_uuid(), 'reconciliation', 'running', 'bob', 'of another monitor', now() + interval '1 hour')`,
    );
    await using monitor = await monitorOf(world, {
      TRADESTREAM_MONITOR_ARCHIVE_INTERVAL_MS: '500',
      TRADESTREAM_MONITOR_RECONCILIATION_INTERVAL_MS: '3000',
      TRADESTREAM_MONITOR_EVENT_RETENTION_DAYS: '1',
    });
    const cli = (...args: readonly string[]) =>
      runCli({ url: monitor.url, token: MONITOR_TOKENS.admin }, [...args, '-o', 'json']);
    expect(await cli('reconciliation', 'run')).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/answered 409: JOB_UNDER_WAY: .*\n {2}follow it with `tradestream jobs show ID/),
    });
    await world.rows(`DELETE FROM ledger.jobs WHERE actor = 'bob'`);
    const dry = await cli('replay', 'commands', '--from-batch', '0');
    expect(dry.exitCode).toBe(0);
    const { jobId, ...differing } = JSON.parse(dry.out) as { readonly jobId: string };
    expect(differing).toMatchObject({ base: 'beginning', differences: { balances: 2 * ROUNDED } });
    const listed = await cli('replay', 'differences', jobId);
    expect(listed.out.trim().split('\n')).toHaveLength(2 * ROUNDED);

    // What could only be refused is no job that fails.
    expect(await cli('replay', 'commands', '--from-command', newCommandId())).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/answered 409: REPLAY_UNKNOWN_COMMAND: .*\n {2}see its id with `tradestream receipt`/),
    });
    const before = await fingerprintOf(world);
    const done = await cli('replay', 'commands', '--from-offset', '0', '--yes', '--why', 'a drill by hand');
    expect(JSON.parse(done.out)).toMatchObject({ new: 0, records: expect.any(Number) });
    expect(await fingerprintOf(world)).toEqual(before);

    // One that the interval began has found what the planted rounding did, and it is told.
    const alerts = async () => (await monitor.get<{ readonly items: readonly AlertAnswer[] }>('/v1/alerts')).items;
    await eventually(async () => (await alerts()).some(({ name }) => name === 'ReconciliationBroken'), WITHIN);
    const found = {
      exitCode: 1,
      out: expect.stringContaining('"contradictions":["history: event'),
      err: expect.stringContaining('has the cost 0.666666666666666667, the rules give 0.666666666666666666'),
    };
    await eventually(async () => expect(await cli('reconciliation', 'run')).toMatchObject(found), WITHIN);
    expect(await cli('reconciliation', 'status')).toMatchObject(found);

    expect(JSON.parse((await cli('retention', 'snapshot')).out)).toMatchObject({ orders: 2 * PAIRS });
    await loseLog(world);
    await eventually(async () => (await hotReceipts(world)) === 0, WITHIN);
    // No event goes with it: it is found all the same.
    await addDiscarded(world);
    await eventually(async () => (await hotReceipts(world)) === 0, WITHIN);
    await eventually(async () => expect(await cli('retention', 'run')).toMatchObject({ exitCode: 0 }), WITHIN);
    const forget = ['retention', 'forget', '--before', '2000-01-01T00:00:00Z'];
    expect(await cli(...forget)).toMatchObject({ exitCode: 2, err: expect.stringContaining('applied again') });
    expect(JSON.parse((await cli('retention', 'status')).out)).toMatchObject({
      snapshots: [{ orders: 2 * PAIRS, forRetention: false }, { forRetention: true, isBase: true }, {}],
      // Nobody projects here: no event would leave, were it old enough.
      removalBlockedBy: expect.stringContaining('the live version of projection balances is at event 0/0'),
    });
    const audit = await world.rows<{ asked: string }>(
      `SELECT DISTINCT action || ' ' || split_part(actor, '@', 1) AS asked FROM ledger.audit WHERE details ? 'jobId' ORDER BY 1`,
    );
    expect(audit.map(({ asked }) => asked)).toEqual([
      'dry-run-commands admin',
      'reconciliation admin',
      'reconciliation monitor',
      'replay-commands admin',
      'retention admin',
      'retention monitor',
      'snapshot admin',
    ]);

    await world.rows('DELETE FROM ledger.events WHERE partition = 0 AND seq = 5');
    await expect(dryRun(newCommandId(), { batch: 0 })).rejects.toMatchObject({ code: 'HISTORY_GAP' });
  },
  TEST_MS,
);

type Funds = { readonly available: string; readonly held: string };

function source() {
  return { ask: askOf(session), admin: world.admin, topic: world.topics.commands };
}

async function replay(
  origin: Parameters<typeof replayCommands>[0]['wanted']['origin'],
  onProgress: (done: number, total: number) => Promise<void> = async () => undefined,
  partitions: readonly number[] | null = null,
) {
  return await replayCommands({
    ...source(),
    wanted: { origin, partitions },
    actor: 'ada',
    why: 'a drill',
    signal,
    plan: null,
    onPlan: async () => undefined,
    onProgress,
  });
}

async function dryRun(run: string, origin: DryRunOrigin, rules = decide, onProgress = async () => undefined) {
  const { topic } = source();
  return await dryRunCommands({
    session,
    run,
    topic,
    origin,
    decide: rules,
    signal,
    onProgress,
  });
}

function startWorker(overrides: Readonly<Record<string, string>> = {}): ChildProcess {
  return world.startWorker({ TRADESTREAM_GROUP_PREFIX: group, ...overrides });
}

/** What a worker knows of the past is gone. */
async function restartWorker(overrides: Readonly<Record<string, string>> = {}): Promise<void> {
  await world.stopWorkers();
  startWorker(overrides);
}

async function apply(commands: readonly Sent[]): Promise<void> {
  await world.send(commands);
  await world.applied(WITHIN.withinMs);
}

/** Verify names what the statement breaks; it is put right again. */
async function brokenBy(statement: string, named: string, mending: string): Promise<void> {
  await world.rows(statement);
  expect((await verifyWorld(world)).firstContradiction).toContain(named);
  await world.rows(mending);
}
