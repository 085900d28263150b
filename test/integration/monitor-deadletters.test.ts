import {
  auditAnswer,
  deadLetterAnswer,
  deadLetterDetailAnswer,
  deadLetterGroupAnswer,
  type JobRecordAnswer,
  jobRecordAnswer,
  listAnswer,
  type ReleaseAnswer,
  releaseAnswer,
} from '@tradestream/answers';
import { commandHeaders, encodeCommand, frame, newCommandId } from '@tradestream/contracts';
import { commandKey, type TradeCommand, UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import { MONITOR_TOKENS, type MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { type CliRun, runCli } from '../support/run-cli.ts';

const WITHIN = { withinMs: 60_000 } as const;
/** Of the schema that nobody knows yet. */
const SCHEMA_ID = 987_654;
const COUNT = 1_000;
const FAST = { TRADESTREAM_MONITOR_JOB_LEASE_MS: '1000', TRADESTREAM_MONITOR_JOB_SWEEP_MS: '200' } as const;

let world: LedgerWorld;
let monitor: MonitorProcess;
/** What one run of the command line leaves for the next. */

beforeAll(async () => {
  world = await openMonitorWorld(inject('endpoints'), 'deadletters', 2);
  await park(Array.from({ length: COUNT }, (_, index) => deposit(`user-${index}`)));
  world.startWorker();
  monitor = await monitorOf(world, { ...FAST, TRADESTREAM_MONITOR_REDRIVE_RATE_MAX: '500' });
  await world.applied(60_000);
}, 120_000);
afterAll(async () => {
  await monitor?.stop();
  await world?.[Symbol.asyncDispose]();
});

const deposit = (userId: string): TradeCommand => ({ type: 'DepositFunds', userId, asset: 'USD', amount: UNIT });

/** Commands under a schema id that makes their records parked until somebody knows it. */
async function park(commands: readonly TradeCommand[]): Promise<void> {
  const records = commands.map((command) => {
    const commandId = newCommandId();
    return {
      key: commandKey(command),
      value: frame(SCHEMA_ID, encodeCommand({ commandId, command })),
      headers: commandHeaders({ commandId, type: command.type, source: '/test', timeMs: Date.now() }),
    };
  });
  await world.producer.send(world.topics.commands, records);
}

async function post(path: string, body: object, token: string = MONITOR_TOKENS.operator): Promise<Response> {
  return await fetch(new URL(path, monitor.url), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function ask(verb: string, body: object): Promise<ReleaseAnswer> {
  const response = await post(`/v1/deadletters/${verb}`, body);
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return releaseAnswer.parse(JSON.parse(text));
}

async function ended(jobId: string | null): Promise<JobRecordAnswer> {
  return await eventually(async () => {
    const job = jobRecordAnswer.parse(await monitor.get(`/v1/jobs/${jobId}`));
    if (job.finishedAt === null) throw new Error(`the job is ${JSON.stringify(job)}`);
    return job;
  }, WITHIN);
}

function cli(...args: readonly string[]): Promise<CliRun> {
  return runCli({ url: monitor.url, token: MONITOR_TOKENS.operator }, args);
}

function linesOf({ out }: CliRun): readonly Record<string, unknown>[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>); // one object a line
}

async function problemOf(path: string, body: object): Promise<unknown> {
  const response = await post(path, body);
  return { status: response.status, ...((await response.json()) as object) }; // a problem
}

test('parked records are shown by reason, page by page, and whole; a dry run counts and changes nothing', async () => {
  const groups = listAnswer(deadLetterGroupAnswer).parse(await monitor.get('/v1/deadletters?groupBy=reason'));
  expect(groups.items).toEqual([
    { reason: 'SCHEMA_UNKNOWN', count: COUNT, keys: COUNT, oldestParkedAt: expect.any(String) },
  ]);
  const first = listAnswer(deadLetterAnswer).parse(await monitor.get('/v1/deadletters?limit=600'));
  const second = listAnswer(deadLetterAnswer).parse(
    await monitor.get(`/v1/deadletters?limit=600&cursor=${first.nextCursor}`),
  );
  expect([first.items.length, second.items.length, second.nextCursor]).toEqual([600, 400, null]);
  const ids = [...first.items, ...second.items].map(({ id }) => id);
  expect(new Set(ids).size).toBe(COUNT);
  const byKey = listAnswer(deadLetterAnswer).parse(await monitor.get('/v1/deadletters?key=user:user-7'));
  expect(byKey.items).toMatchObject([{ key: 'user:user-7', reason: 'SCHEMA_UNKNOWN', status: 'parked', attempts: 1 }]);
  const detail = deadLetterDetailAnswer.parse(await monitor.get(`/v1/deadletters/${byKey.items[0]?.id}`));
  expect(detail).toMatchObject({ key: 'user:user-7', command: null, intents: [] });
  expect(Buffer.from(detail.value ?? '', 'base64').readUInt32BE(1)).toBe(SCHEMA_ID);

  const dry = await ask('redrive', { reason: 'SCHEMA_UNKNOWN' });
  expect(dry).toMatchObject({ jobId: null, count: COUNT, alreadyAsked: 0, keys: COUNT });
  expect(dry.byReason).toEqual([{ reason: 'SCHEMA_UNKNOWN', count: COUNT }]);
  expect(await world.rows('SELECT FROM ledger.intents UNION ALL SELECT FROM ledger.jobs')).toEqual([]);
});

test('what is not asked for properly is refused, with field and rule', async () => {
  const why = 'a test';
  const cases: readonly (readonly [string, object, object])[] = [
    ['redrive', {}, { field: 'ids' }],
    ['redrive', { reasons: 'SCHEMA_UNKNOWN' }, { field: 'reasons' }],
    ['discard', { ids: ['x'] }, { field: 'ids' }],
    ['redrive', { reason: 'SCHEMA_UNKNOWN', dryRun: false, why: ' ' }, { field: 'why' }],
    ['redrive', { reason: 'SCHEMA_UNKNOWN', dryRun: 'no', why }, { field: 'dryRun' }],
    ['redrive', { from: 'yesterday' }, { field: 'from' }],
    ['redrive', { to: '+099999-01-01T00:00:00Z' }, { field: 'to' }],
    ['redrive', { reason: 'a\u0000b' }, { field: 'reason' }],
  ];
  for (const [verb, body, expected] of cases)
    expect(await problemOf(`/v1/deadletters/${verb}`, body)).toMatchObject({
      status: 400,
      code: 'INVALID_PARAMETER',
      ...expected,
    });
  const byReader = await post('/v1/deadletters/redrive', { reason: 'x' }, MONITOR_TOKENS.reader);
  expect(byReader.status).toBe(403);
  expect(await problemOf('/v1/jobs/00000000-0000-4000-8000-000000000000/cancel', { why })).toMatchObject({
    status: 404,
  });
  // Of a dry run that there is not, or not yet, an empty list would say that nothing differs.
  const [run] = await world.rows<{ id: string }>(
    `INSERT INTO ledger.jobs (id, kind, actor, why, lease_until)
     VALUES (gen_random_uuid(), 'dry-run-commands', 'bob', 'later', now() + interval '1 hour') RETURNING id`,
  );
  for (const [id, code] of [
    [newCommandId(), 'DRY_RUN_NOT_FOUND'],
    [run?.id, 'DRY_RUN_UNFINISHED'],
  ] as const)
    await expect(monitor.get(`/v1/replay/commands/${id}/differences`)).rejects.toThrow(code);
});

test('one that fails again is shown so against its redrive; edited, it keeps its id and is applied', async () => {
  const [parked] = await world.rows<{ id: string }>(`SELECT id::text FROM ledger.parked WHERE key = 'user:user-3'`);
  const id = parked?.id;
  const { jobId } = await ask('redrive', { ids: [id], dryRun: false, why: 'perhaps it works' });
  const job = await ended(jobId);
  expect(job).toMatchObject({ kind: 'redrive', state: 'done', done: 1, total: 1, actor: 'operator@127.0.0.1' });
  expect(job.result).toMatchObject({ asked: 1, failedAgain: 1, applied: 0, failures: [{ count: 1 }] });
  expect(JSON.stringify(job.result)).toContain(String(SCHEMA_ID));

  const command = { type: 'DepositFunds', userId: 'user-3', asset: 'EUR', amount: '7' };
  expect(await problemOf('/v1/deadletters/edit', { id, command: { ...command, amount: 7 } })).toMatchObject({
    status: 400,
    code: 'MALFORMED_COMMAND',
    field: 'amount',
  });
  expect(await problemOf('/v1/deadletters/edit', { id, command: { ...command, userId: 'eve' } })).toMatchObject({
    status: 400,
    field: 'command',
  });
  expect(await ask('edit', { id, command, dryRun: true })).toMatchObject({ jobId: null, count: 1 });
  // While its owner does not come to it, there is no place for another.
  await world.rows('BEGIN');
  await world.rows('SELECT FROM ledger.partitions FOR UPDATE');
  const edit = await ask('edit', { id, command, why: 'it was meant to be euro' });
  const taken = { status: 409, code: 'DEADLETTER_ASKED' };
  const another = { id, command: { ...command, amount: '8' }, dryRun: true };
  await eventually(async () => expect(await problemOf('/v1/deadletters/edit', another)).toMatchObject(taken), WITHIN);
  await world.rows('COMMIT');
  expect(await ended(edit.jobId)).toMatchObject({ kind: 'edit', state: 'done', result: { applied: 1 } });
  const [balance] = await world.rows(
    `SELECT available::text FROM ledger.balances WHERE user_id = 'user-3' AND asset = 'EUR'`,
  );
  expect(balance).toEqual({ available: '7.000000000000000000' });
  const detail = deadLetterDetailAnswer.parse(await monitor.get(`/v1/deadletters/${id}`));
  expect(detail).toMatchObject({ status: 'applied' });
  expect(detail.intents.map(({ kind, outcome, why }) => ({ kind, outcome, why }))).toEqual([
    { kind: 'redrive', outcome: 'parked', why: 'perhaps it works' },
    { kind: 'edit', outcome: 'applied', why: 'it was meant to be euro' },
  ]);
  expect(await problemOf('/v1/deadletters/edit', { id, command })).toMatchObject({
    status: 409,
    code: 'DEADLETTER_SETTLED',
  });

  // One that came through the door before the other was done says what became of it, to whoever looks later too.
  const [late] = await world.rows<{ id: string }>(
    `INSERT INTO ledger.jobs (id, kind, actor, why, parameters)
     SELECT gen_random_uuid(), 'edit', 'bob', 'too late', parameters FROM ledger.jobs WHERE id = $1 RETURNING id`,
    [edit.jobId],
  );
  const lost = { asked: 0, alreadyAsked: 0, settledByOthers: 1, applied: 0 };
  expect(await ended(late?.id ?? null)).toMatchObject({ state: 'done', done: 1, total: 1, result: lost });
  expect(await world.rows(`SELECT action, details FROM ledger.audit WHERE actor = 'bob'`)).toMatchObject([
    { action: 'end-job', details: { jobId: late?.id, kind: 'edit', ...lost } },
  ]);
});

test('from the command line: counted first, done with --yes, told as a job, and kept in the audit with who and why', async () => {
  const [parked] = await world.rows<{ id: string }>(`SELECT id::text FROM ledger.parked WHERE key = 'user:user-4'`);
  const discard = ['deadletters', 'discard', '--key', 'user:user-4'];
  const counted = await cli(...discard, '-o', 'json');
  expect(counted).toMatchObject({ exitCode: 0, err: expect.stringContaining('nothing was done') });
  expect(JSON.parse(counted.out)).toMatchObject({ jobId: null, count: 1, byKey: [{ key: 'user:user-4', count: 1 }] });
  const done = await cli(...discard, '--yes', '--why', 'a test of the sender', '-o', 'json');
  expect(done).toMatchObject({ exitCode: 0, err: expect.stringContaining('discard: 1') });
  const { jobId, ...result } = JSON.parse(done.out) as Record<string, unknown>; // its object
  expect(result).toEqual({
    asked: 1,
    alreadyAsked: 0,
    settledByOthers: 0,
    applied: 0,
    rejected: 0,
    discarded: 1,
    failedAgain: 0,
    failures: [],
  });
  expect(await world.rows(`SELECT FROM ledger.balances WHERE user_id = 'user-4'`)).toEqual([]);
  const [shown, listed, audit, jobs] = [
    await cli('deadletters', 'show', parked?.id ?? '', '-o', 'json'),
    await cli('deadletters', 'list', '--limit', '1'),
    await cli('audit', '--job', String(jobId), '-o', 'json'),
    await cli('jobs', 'list', '--kind', 'discard', '-o', 'json'),
  ];
  expect(JSON.parse(shown.out)).toMatchObject({ status: 'discarded', intents: [{ kind: 'discard', jobId }] });
  expect(listed.out).toMatch(/SCHEMA_UNKNOWN +user:user-\d+/);
  expect(listed.err).toContain('more with --cursor');
  expect(linesOf(audit).map(({ action, actor, why }) => ({ action, actor, why }))).toEqual(
    ['end-job', 'DISCARD_PARKED', 'discard'].map((action) => ({
      action,
      actor: 'operator@127.0.0.1',
      why: 'a test of the sender',
    })),
  );
  expect(linesOf(jobs)).toMatchObject([{ id: jobId, state: 'done', done: 1, total: 1 }]);
  expect(await cli('jobs', 'cancel', String(jobId))).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('409'),
  });
});

test('a thousand redriven, pressed twice at once, the monitor killed in the middle: one effect each', async () => {
  await world.rows(`INSERT INTO ledger.schemas (id, schema) SELECT $1, schema FROM ledger.schemas WHERE id = $2`, [
    SCHEMA_ID,
    world.commandSchemaId,
  ]);
  const body = { reason: 'SCHEMA_UNKNOWN', dryRun: false, why: 'the schema is known now' };
  const pressed = await Promise.all([ask('redrive', body), ask('redrive', body)]);
  expect(pressed.map(({ count }) => count)).toEqual([COUNT - 2, COUNT - 2]);
  const executed = async () =>
    (await world.rows(`SELECT FROM ledger.intents WHERE executed_at IS NOT NULL AND why = $1`, [body.why])).length;
  await eventually(async () => (await executed()) > 100, { ...WITHIN, everyMs: 5 });
  monitor.child.kill('SIGKILL');
  const inTheMiddle = await executed();
  // The next one finds no Redis: the jobs are found by their rows, and run without it.
  monitor = await monitorOf(world, { ...FAST, REDIS_URL: 'redis://127.0.0.1:1' });
  const jobs = await Promise.all(pressed.map(({ jobId }) => ended(jobId)));
  expect(inTheMiddle).toBeLessThan(COUNT - 2);
  expect(jobs.map(({ state }) => state)).toEqual(['done', 'done']);
  expect(Math.max(...jobs.map(({ runs }) => runs))).toBeGreaterThan(1);
  const sums = jobs.map(({ result }) => result as { asked: number; applied: number; alreadyAsked: number }); // as it was written
  expect(sums[0]?.applied).toBe(sums[0]?.asked);
  expect((sums[0]?.asked ?? 0) + (sums[1]?.asked ?? 0)).toBe(COUNT - 2);

  const [once] = await world.rows(
    `SELECT count(*)::int AS balances, count(DISTINCT available)::int AS amounts, max(available)::text AS amount
     FROM ledger.balances WHERE asset = 'USD' AND user_id LIKE 'user-%'`,
  );
  expect(once).toEqual({ balances: COUNT - 2, amounts: 1, amount: '1.000000000000000000' });
  const [intents] = await world.rows(
    `SELECT count(*)::int AS count, count(DISTINCT parked_id)::int AS records FROM ledger.intents WHERE why = $1`,
    [body.why],
  );
  expect(intents).toEqual({ count: COUNT - 2, records: COUNT - 2 });
  const audit = await world.rows(
    `SELECT action, count(*)::int AS count FROM ledger.audit WHERE why = $1 GROUP BY 1 ORDER BY 1`,
    [body.why],
  );
  expect(audit).toEqual([
    { action: 'REDRIVE_PARKED', count: COUNT - 2 },
    { action: 'end-job', count: 2 },
    { action: 'redrive', count: 2 },
  ]);
  expect(listAnswer(deadLetterAnswer).parse(await monitor.get('/v1/deadletters')).items).toEqual([]);
  expect(await ask('redrive', body)).toMatchObject({ jobId: null, count: 0 });

  // Page by page the audit is all there is, the newest first.
  const paged: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page = listAnswer(auditAnswer).parse(await monitor.get(`/v1/audit?limit=600${next}`));
    paged.push(...page.items.map(({ id }) => id));
    next = page.nextCursor === null ? null : `&cursor=${page.nextCursor}`;
  }
  const kept = await world.rows<{ id: string }>('SELECT a.id::text AS id FROM ledger.audit AS a ORDER BY a.id DESC');
  expect(paged).toEqual(kept.map(({ id }) => id));
}, 120_000);
