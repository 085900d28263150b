import { migrate, type Statement } from '@tradestream/database';
import { createMemoryJobQueue, type JobTimer, openMemoryJobTimer } from '@tradestream/messaging';
import { pruneFinished } from '@tradestream/recovery';
import { createLogger, createMetrics, Readiness, Scope, sleep } from '@tradestream/runtime';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { IntentStore } from '../../services/monitor/src/deadletters/intent-store.ts';
import { MonitorError } from '../../services/monitor/src/errors.ts';
import { JobBook, type JobRow } from '../../services/monitor/src/jobs/job-book.ts';
import type { JobKind, JobKindName, JobRun } from '../../services/monitor/src/jobs/job-kind.ts';
import { JobMetrics } from '../../services/monitor/src/jobs/job-metrics.ts';
import { JobRunner } from '../../services/monitor/src/jobs/job-runner.ts';
import { Jobs } from '../../services/monitor/src/jobs/jobs.ts';
import { type ProjectionVerb, projectionKinds } from '../../services/monitor/src/projections/projection-kinds.ts';
import { NodeLink } from '../../services/monitor/src/sources/node-link.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';

const WITHIN = { withinMs: 60_000 } as const;
const log = createLogger({ service: 'jobs', level: 'silent' });
const counted = createMetrics({ service: 'jobs' });
const metrics = new JobMetrics(counted);
const by = { actor: 'operator@test', why: 'a test' } as const;

const scope = new Scope();
let database: ScratchDatabase;
let link: NodeLink;
/** With the rights of the owner. */
let admin: NodeLink;
let book: JobBook;

beforeAll(async () => {
  database = scope.use(await createDatabase(inject('endpoints'), 'jobs'));
  for (const schema of ['ledger', 'views'])
    await migrate({ url: database.url, folder: `schemas/sql/${schema}`, schema, log });
  link = scope.use(new NodeLink({ name: 'primary', url: database.serviceUrls.monitor, timeoutMs: 20_000 }));
  admin = scope.use(new NodeLink({ name: 'primary', url: database.url, timeoutMs: 20_000 }));
  book = new JobBook(() => link, 30_000);
});
afterAll(async () => {
  await scope.close();
});

/** One process of jobs; `run` is what its only kind does. */
function processOf(
  run: JobKind['run'],
  options: { readonly timer?: JobTimer; readonly name?: JobKindName } = {},
): Jobs {
  const { timer = openMemoryJobTimer(), name = 'snapshot' } = options;
  const leaseMs = 30_000;
  const own = new JobBook(() => link, leaseMs);
  const runner = new JobRunner({ book: own, kinds: [{ name, run }], runsMax: 4, leaseMs, metrics, log });
  return new Jobs({ book: own, runner, timer, sweepMs: 100, readiness: new Readiness(), log });
}

/** A timer that takes everything and forgets it, or takes nothing. */
function uselessTimer(enqueue: () => Promise<void>): JobTimer {
  return { enqueue, consume: () => undefined, close: async () => undefined };
}

async function ended(id: string): Promise<JobRow> {
  return await eventually(async () => {
    const job = await book.one(id);
    if (job === null || job.finishedAt === null) throw new Error(`the job is ${job?.state}`);
    return job;
  }, WITHIN);
}

const submit = (jobs: Jobs, kind: JobKindName = 'snapshot') => jobs.submit({ kind, parameters: { of: 'it' }, ...by });

test('a job told of twice, in two processes, runs once, and says how far it is', async () => {
  const runs: string[] = [];
  const queue = createMemoryJobQueue();
  const run = async (job: JobRun) => {
    runs.push(job.id);
    await job.progress(2, 3, { at: 2 });
    return { swept: 3, parameters: job.parameters };
  };
  const [one, two] = [openMemoryJobTimer(queue), openMemoryJobTimer(queue)];
  const processes = [processOf(run, { timer: one }), processOf(run, { timer: two })];
  const id = await submit(processes[0] ?? processOf(run));
  await Promise.all([one.enqueue(id), two.enqueue(id), one.enqueue(id)]);
  expect(await ended(id)).toMatchObject({
    state: 'done',
    runs: 1,
    done: 2,
    total: 3,
    checkpoint: { at: 2 },
    result: { swept: 3, parameters: { of: 'it' } },
    ...by,
  });
  await one.enqueue(id);
  await Promise.all(processes.map((each) => each.close()));
  expect(runs).toEqual([id]);
  const audit = await link.query({
    text: `SELECT actor, action, why FROM ledger.audit WHERE details->>'jobId' = $1`,
    values: [id],
  });
  expect(audit).toEqual([{ ...by, action: 'snapshot' }]);
});

test.each([
  ['forgets what it was told', uselessTimer(async () => undefined)],
  ['cannot be told', uselessTimer(() => Promise.reject(new Error('Redis is away')))],
])('a timer that %s does no harm: the job runs', async (_what, timer) => {
  await using jobs = disposable(processOf(async () => ({ ran: true }), { timer }));
  expect(await ended(await submit(jobs.value))).toMatchObject({ state: 'done', runs: 1, result: { ran: true } });
});

test('a job whose runner says nothing any more is run again from its checkpoint, and the first run cannot end it', async () => {
  const id = await book.create({ kind: 'reconciliation', parameters: {}, ...by });
  const short = new JobBook(() => link, 1);
  expect(await short.claim(id, '00000000-0000-4000-8000-000000000001')).toMatchObject({ runs: 1 });
  const dead = { id, runner: '00000000-0000-4000-8000-000000000001' };
  await short.progress(dead, { done: 7, checkpoint: { at: 7 } });
  const seen: unknown[] = [];
  const jobs = processOf(
    async ({ checkpoint }) => {
      seen.push(checkpoint);
      await short.finish(dead, { state: 'failed', error: 'of the first run' });
      expect(await short.progress(dead)).toBeNull();
      return {};
    },
    { name: 'reconciliation' },
  );
  expect(await ended(id)).toMatchObject({ state: 'done', runs: 2, done: 7, error: null });
  expect(seen).toEqual([{ at: 7 }]);
  await jobs.close();
});

test('of two reconciliations that begin at once one does, and whoever asks for another is told which is under way', async () => {
  const kind = { kind: 'reconciliation', parameters: {}, ...by } as const;
  const earlier = await book.create(kind);
  await book.cancel({ id: earlier, ...by });
  const asked = await Promise.allSettled([book.create(kind), book.create(kind), book.create(kind)]);
  const [id = ''] = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const refused = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  const underWay = { code: 'JOB_UNDER_WAY', context: { kind: 'reconciliation', jobId: id } };
  expect(refused).toMatchObject([underWay, underWay]);
  await expect(book.resume({ id: earlier, ...by })).rejects.toMatchObject(underWay);
  await book.cancel({ id, ...by });
  expect(await book.resume({ id: earlier, ...by })).toMatchObject({ state: 'waiting' });
  await book.cancel({ id: earlier, ...by });
});

test('a waiting job is cancelled at once, a running one stops at its next word, and either is taken up again where it was', async () => {
  const waiting = await book.create({ kind: 'replay-projection', parameters: {}, ...by });
  expect(await book.cancel({ id: waiting, ...by })).toMatchObject({ state: 'cancelled' });
  expect(await book.cancel({ id: waiting, ...by })).toBeNull();

  let stepsMax = Number.POSITIVE_INFINITY;
  const jobs = processOf(async (job) => {
    let step = Number(job.checkpoint?.['step'] ?? 0);
    while (step < stepsMax) await job.progress(++step, null, { step });
    return { steps: step };
  });
  const id = await submit(jobs);
  await eventually(async () => ((await book.one(id))?.done ?? 0) > 2, WITHIN);
  expect(await jobs.cancel({ id, ...by })).toMatchObject({ state: 'running', cancelRequested: true });
  const cancelled = await ended(id);
  expect(cancelled).toMatchObject({ state: 'cancelled', result: null });
  stepsMax = cancelled.done + 1;
  expect(await jobs.resume({ id, ...by })).toMatchObject({ state: 'waiting', cancelRequested: false });
  expect(await ended(id)).toMatchObject({ state: 'done', runs: 2, result: { steps: cancelled.done + 1 } });
  expect(await jobs.resume({ id, ...by })).toBeNull();
  await jobs.close();
  const audit = await link.query({
    text: `SELECT action FROM ledger.audit WHERE details->>'jobId' = $1 ORDER BY id`,
    values: [id],
  });
  expect(audit).toEqual(['snapshot', 'cancel-job', 'resume-job'].map((action) => ({ action })));
});

test('a failure that may pass is tried again, one that may not keeps its error, and an unknown kind is said to be so', async () => {
  const failures: Error[] = [new MonitorError('SOURCE_TIMEOUT'), new TypeError('a defect')];
  const jobs = processOf(async () => {
    throw failures.shift() ?? new Error('not run again');
  });
  const id = await submit(jobs);
  expect(await ended(id)).toMatchObject({ state: 'failed', runs: 2, error: 'a defect' });
  const foreign = await submit(jobs, 'redrive');
  expect(await ended(foreign)).toMatchObject({ state: 'failed', error: expect.stringContaining('kind=redrive') });
  await jobs.close();
});

test('a process that stops gives its jobs back, and another goes on at once', async () => {
  const started = Promise.withResolvers<void>();
  const first = processOf(async ({ signal }) => {
    started.resolve();
    await sleep(60_000, signal);
    return {};
  });
  const id = await submit(first);
  await started.promise;
  await first.close();
  expect(await book.one(id)).toMatchObject({ state: 'waiting', runs: 1, error: null });
  await using second = disposable(processOf(async () => ({ by: 'the second' })));
  second.value.sweep();
  expect(await ended(id)).toMatchObject({ state: 'done', runs: 2, result: { by: 'the second' } });
});

test('jobs are listed page by page, the newest first, by kind and state', async () => {
  const all = await book.list({ kind: null, state: null, after: null, limit: 1_000 });
  const paged: string[] = [];
  for (let after: string | null = null; ; ) {
    const page: readonly JobRow[] = await book.list({ kind: null, state: null, after, limit: 2 });
    paged.push(...page.map(({ id }) => id));
    after = page.at(-1)?.id ?? null;
    if (after === null) break;
  }
  expect(paged).toEqual(all.map(({ id }) => id));
  expect(all.length).toBeGreaterThan(5);
  const failed = await book.list({ kind: 'redrive', state: 'failed', after: null, limit: 10 });
  expect(failed.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['redrive failed']);
});

test('runs are counted by how they ended', async () => {
  const text = await counted.text();
  const ends = [...text.matchAll(/^tradestream_job_runs_total\{.*?kind="snapshot".*?end="(\w+)".*?\} (\d+)$/gm)];
  const byEnd = Object.fromEntries(ends.map(([, end, count]) => [end, Number(count)]));
  expect(byEnd).toEqual({ done: 5, given_back: 2, cancelled: 1, failed: 1 });
  expect(text).toMatch(/^tradestream_jobs_running\{.*\} 0$/m);
});

test('a record is asked for once: by two jobs, by one that runs again, and however soon it was settled', async () => {
  const topic = 'trade-commands';
  await admin.query({
    text: `INSERT INTO ledger.parked (topic, partition, "offset", record_time, reason, message, blocks_key)
           SELECT $1, 0, n, now(), CASE WHEN n < 3 THEN 'A' ELSE 'B' END, 'm', false FROM generate_series(0, 5) AS n`,
    values: [topic],
  });
  const store = new IntentStore(() => link, topic);
  const order = async () => {
    const jobId = await book.create({ kind: 'redrive', parameters: {}, ...by });
    return { jobId, verb: 'redrive' as const, editedValue: null, ...by };
  };
  const [first, second] = [await order(), await order()];
  const portion = { filter: { reason: 'A' }, after: '0', last: '1000000', limit: 2 };
  expect(await store.ask(first, portion)).toEqual({ picked: 2, asked: 2, alreadyAsked: 0, lastId: '2' });
  expect(await store.ask(second, { ...portion, limit: 10 })).toEqual({
    picked: 3,
    asked: 1,
    alreadyAsked: 2,
    lastId: '3',
  });
  // As the owner settles them: they failed again.
  await admin.query({
    text: `UPDATE ledger.intents SET outcome = 'parked', message = 'again', executed_at = now() WHERE parked_id <= 3`,
  });
  expect(await store.ask(first, portion)).toMatchObject({ picked: 2, asked: 0, alreadyAsked: 0 });
  expect(await store.ask(second, portion)).toMatchObject({ picked: 2, asked: 0, alreadyAsked: 2 });
  expect(await store.outcomes(first.jobId)).toMatchObject({
    open: 0,
    parked: 2,
    failures: [{ message: 'again', count: 2 }],
  });
  // Somebody who asks afterwards means another try.
  expect(await store.ask(await order(), { ...portion, last: '2', limit: 10 })).toMatchObject({ picked: 2, asked: 2 });
});

test('a rebuild and a rollback asked for at once: one is done, the other is told which is under way', async () => {
  await using jobs = disposable(projecting(() => link));
  const ids = await Promise.all([askFor(jobs.value, 'rebuild'), askFor(jobs.value, 'rollback')]);
  const won = await eventually(async () => {
    const open = await openRequests();
    expect(open).toHaveLength(1);
    return open[0] ?? '';
  }, WITHIN);
  const [lost = ''] = ids.filter((id) => id !== won);
  const refused = await ended(lost);
  expect(refused).toMatchObject({ state: 'failed', error: expect.stringContaining(`request=${won}`) });
  expect(await openRequests()).toEqual([won]);
  // Whoever asks for the same is told of the same.
  const { parameters } = (await book.one(won)) ?? refused;
  const same = await askFor(jobs.value, parameters['verb'] as ProjectionVerb); // as it was asked for above
  await eventually(async () => expect((await book.one(same))?.checkpoint?.['request']).toBe(won), WITHIN);
  // What its own job takes back is still wanted by the other.
  await jobs.value.cancel({ id: won, ...by });
  expect(await ended(won)).toMatchObject({ state: 'cancelled' });
  await admin.query({ text: `UPDATE views.requests SET state = 'cancelled' WHERE cancel_requested` });
  await eventually(async () => expect(await openRequests()).toEqual([same]), WITHIN);
  const done = `UPDATE views.requests SET state = 'done', result = '{"version": 2}' WHERE state = 'waiting'`;
  await admin.query({ text: done });
  expect(await ended(same)).toMatchObject({ state: 'done', result: { version: 2 } });
  // One whose turn comes when another version is read than it has seen makes none.
  const late = async (verb: ProjectionVerb, liveVersion: number, keptVersion: number) =>
    await ended(await askFor(jobs.value, verb, { liveVersion, keptVersion }));
  const made = { state: 'done', result: { version: 1, madeByOthers: true } };
  const ends = [await late('rebuild', 0, 0), await late('rollback', 98, 1), await late('rollback', 98, 97)];
  expect(ends).toMatchObject([made, made, { state: 'failed', error: expect.stringContaining('wanted=97') }]);
});

test('a job is cancelled only when what it began is: with the primary away it stays to be cancelled', async () => {
  let isAway = false;
  await using jobs = disposable(projecting(() => (isAway ? null : link)));
  const id = await askFor(jobs.value, 'rebuild');
  await eventually(async () => expect(await openRequests()).toEqual([id]), WITHIN);
  isAway = true;
  await eventually(async () => expect(await book.one(id)).toMatchObject({ state: 'waiting', runs: 1 }), WITHIN);
  await jobs.value.cancel({ id, ...by });
  await eventually(async () => expect(await book.one(id)).toMatchObject({ runs: 2, cancelRequested: true }), WITHIN);
  expect(await isToBeCancelled(id)).toBe(false);
  expect((await book.one(id))?.finishedAt).toBeNull();
  isAway = false;
  expect(await ended(id)).toMatchObject({ state: 'cancelled' });
  expect(await isToBeCancelled(id)).toBe(true);
  // Taken up again it is wanted again.
  await jobs.value.resume({ id, ...by });
  await eventually(async () => expect(await isToBeCancelled(id)).toBe(false), WITHIN);
  await admin.query({ text: `UPDATE views.requests SET state = 'done' WHERE id = $1`, values: [id] });
  expect(await ended(id)).toMatchObject({ state: 'done' });
});

test('what ended long ago is removed in batches; what is unfinished, referred to or still parked stays, and so does the audit', async () => {
  const audits = async () => (await admin.query({ text: 'SELECT FROM ledger.audit' })).length;
  const make = async (kind: JobKindName) => await book.create({ kind, parameters: {}, ...by });
  const [dry, running, settled, parked, edited, recent] = [
    await make('dry-run-commands'),
    await make('rebuild-projection'),
    await make('redrive'),
    await make('redrive'),
    await make('edit'),
    await make('discard'),
  ];
  await admin.query({
    text: `UPDATE ledger.jobs SET state = 'done', finished_at = now() - make_interval(days => CASE WHEN id = $1 THEN 6 ELSE 8 END)
           WHERE id = ANY ($2)`,
    values: [recent, [dry, settled, parked, edited, recent]],
  });
  await admin.query({
    text: `WITH record AS (
             INSERT INTO ledger.parked (topic, partition, "offset", record_time, reason, message, blocks_key, status)
             SELECT 'pruned', 0, n, now(), 'A', 'm', false, CASE WHEN n = 1 THEN 'parked' ELSE 'applied' END
             FROM generate_series(0, 2) AS n RETURNING id, "offset")
           INSERT INTO ledger.intents (parked_id, topic, partition, job_id, kind, actor, why, outcome, executed_at, edited_value)
           SELECT id, 'pruned', 0, ($1::uuid[])["offset" + 1], kind, 'a', 'w', 'applied', now(), CASE WHEN kind = 'edit' THEN ''::bytea END
           FROM record, LATERAL (SELECT CASE WHEN "offset" = 2 THEN 'edit' ELSE 'redrive' END AS kind) AS k`,
    values: [[settled, parked, edited]],
  });
  await admin.query({
    text: `INSERT INTO ledger.edits (command_id, parked_id, intent_id, edited_hash)
           SELECT gen_random_uuid(), parked_id, id, sha256('x') FROM ledger.intents WHERE job_id = $1`,
    values: [edited],
  });
  await admin.query({
    text: `INSERT INTO dry_run.differences (run, kind, key) SELECT $1, 'event', n FROM generate_series(1, 25) AS n`,
    values: [dry],
  });
  await admin.query({
    text: `INSERT INTO views.requests (id, kind, projection, actor, why, state, finished_at)
           SELECT id, 'verify', 'orders', 'a', 'w', 'done', now() - interval '8 days' FROM unnest($1::uuid[]) AS id`,
    values: [[running, dry]],
  });
  const before = await audits();
  const ask = async <Row extends object>(statement: Statement) => await link.query<Row>(statement);
  const prune = async () =>
    await pruneFinished({ ask, keptDays: 7, batchRows: 10, signal: new AbortController().signal });
  // 25 differences, an intent, two jobs and a request.
  expect(await prune()).toBe(29);
  expect(await prune()).toBe(0);
  const left = await Promise.all(
    [dry, running, settled, parked, edited, recent].map(async (id) => (await book.one(id)) !== null),
  );
  expect(left).toEqual([false, true, false, true, true, true]);
  const requests = await admin.query({
    text: 'SELECT id FROM views.requests WHERE id = ANY ($1)',
    values: [[running, dry]],
  });
  expect(requests).toEqual([{ id: running }]);
  expect(await audits()).toBe(before);
  await expect(link.query({ text: 'SELECT ledger.prune_finished(now(), 1)' })).rejects.toMatchObject({ code: '22023' });
});

/** One process of jobs that follows what projectors are asked to do; none runs here. */
function projecting(to: () => NodeLink | null): Jobs {
  const [kind] = projectionKinds(to);
  if (kind === undefined) throw new Error('there are kinds for projections');
  const runner = new JobRunner({ book, kinds: [kind], runsMax: 4, leaseMs: 30_000, metrics, log });
  const timer = openMemoryJobTimer();
  return new Jobs({ book, runner, timer, sweepMs: 100, readiness: new Readiness(), log });
}

async function askFor(jobs: Jobs, verb: ProjectionVerb, seen?: object): Promise<string> {
  const parameters = { verb, projection: 'orders', key: null, seen };
  return await jobs.submit({ kind: 'rebuild-projection', parameters, ...by });
}

async function openRequests(): Promise<readonly string[]> {
  const rows = await admin.query<{ id: string }>({ text: `SELECT id FROM views.requests WHERE state = 'waiting'` });
  return rows.map(({ id }) => id);
}

async function isToBeCancelled(id: string): Promise<boolean | undefined> {
  const text = 'SELECT cancel_requested AS cancelled FROM views.requests WHERE id = $1';
  const [row] = await admin.query<{ cancelled: boolean }>({ text, values: [id] });
  return row?.cancelled;
}

function disposable(value: Jobs): AsyncDisposable & { readonly value: Jobs } {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
