import { once } from 'node:events';
import { createServer } from 'node:net';
import { DatabaseError, openAbortableSession, openSession, type Session } from '@tradestream/database';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { openSessionWorld, type SessionWorld, valueOf } from '../support/session-world.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const SOON = { withinMs: 60_000 } as const;
const CANCEL_CODE = 80_877_102;

let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'session');
});

afterAll(async () => {
  await database.close();
});

const openWorld = () => openSessionWorld(database.url);

async function failureOf(work: Promise<unknown>): Promise<DatabaseError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  if (!(error instanceof DatabaseError)) throw new TypeError('it did not fail');
  return error;
}

/** A request to cancel: its length, its code, and which backend is meant. */
function isCancel(bytes: Buffer): boolean {
  return bytes.length === 16 && bytes.readInt32BE(4) === CANCEL_CODE;
}

async function insertAndCommit(session: Session, n: number): Promise<void> {
  await Promise.all([
    session.query({ text: 'BEGIN' }),
    session.query({ text: 'INSERT INTO alone VALUES ($1)', values: [n] }),
    session.commit(),
  ]);
}

/** Replicas that receive and do not apply; they go on with the end of the test at the latest. */
async function pauseReplicas(world: SessionWorld): Promise<AsyncDisposable & { readonly resume: () => Promise<void> }> {
  const replicas = await Promise.all(Object.values(database.replicaUrls).map((url) => world.open({ url })));
  const all = (text: string) => Promise.all(replicas.map((replica) => replica.query({ text })));
  await all('SELECT pg_wal_replay_pause()');
  let resumed: Promise<unknown> | null = null;
  const resume = async () => {
    resumed ??= all('SELECT pg_wal_replay_resume()');
    await resumed;
  };
  return { resume, [Symbol.asyncDispose]: resume };
}

describe('opening', () => {
  test('a session knows its backend, its name and its settings', async () => {
    await using world = openWorld();
    const session = await world.open({ settings: { lock_timeout: '1234', search_path: 'pg_catalog, public' } });
    expect(await valueOf(session, 'pg_backend_pid()')).toBe(session.backendPid);
    expect(await valueOf(session, `current_setting('application_name')`)).toBe('session-test');
    expect(await valueOf(session, `current_setting('lock_timeout')`)).toBe('1234ms');
    expect(await valueOf(session, `current_setting('search_path')`)).toBe('pg_catalog, public');
  });

  test("options in the URL are kept beside the session's own, which win", async () => {
    await using world = openWorld();
    const url = `${world.url}?options=${encodeURIComponent('-c work_mem=8MB -c lock_timeout=1')}`;
    const session = await world.open({ url, settings: { lock_timeout: '1234' } });
    expect(await valueOf(session, `current_setting('work_mem')`)).toBe('8MB');
    expect(await valueOf(session, `current_setting('lock_timeout')`)).toBe('1234ms');
  });

  test('a setting that is not plain is refused before anything is sent', async () => {
    await using world = openWorld();
    for (const settings of [{ 'a b': '1' }, { work_mem: "1'; --" }, { work_mem: '1\\' }]) {
      await expect(world.open({ settings })).rejects.toThrow(TypeError);
    }
  });

  test('a server that takes the connection and says nothing is given up within the time', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const startedMs = performance.now();
    const opening = openSession({
      url: `postgres://me:hunter2@127.0.0.1:${port}/x`,
      applicationName: 'session-test',
      connectTimeoutMs: 300,
    });
    const error = await failureOf(opening);
    expect(error).toMatchObject({ code: 'DB_CONNECTION_FAILED', type: 'CONNECTION_ERROR', retry: 'later' });
    expect(String(error)).not.toContain('hunter2');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    silent.close();
  });

  test('an abort ends the opening at once', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const stop = new AbortController();
    const opening = openSession({
      url: `postgres://127.0.0.1:${port}/x`,
      applicationName: 'session-test',
      connectTimeoutMs: 600_000,
      signal: stop.signal,
    });
    stop.abort();
    await expect(opening).rejects.toMatchObject({ code: 'RT_ABORTED' });
    silent.close();
  });

  test('no server, no database, no such role: each a connection error to be tried later or never', async () => {
    await using world = openWorld();
    const nobody = new URL(world.url);
    nobody.port = '1';
    expect(await failureOf(world.open({ url: nobody.href }))).toMatchObject({ code: 'DB_CONNECTION_FAILED' });
    const nowhere = new URL(world.url);
    nowhere.pathname = '/not_there';
    expect(await failureOf(world.open({ url: nowhere.href }))).toMatchObject({
      code: '3D000',
      type: 'CONNECTION_ERROR',
    });
  });

  test('a session that would not wait for its commits is refused where that is required', async () => {
    await using world = openWorld();
    for (const value of ['off', 'local']) {
      const opening = world.open({ requireDurable: true, settings: { synchronous_commit: value } });
      expect(await failureOf(opening)).toMatchObject({ code: 'DB_NOT_DURABLE', retry: 'never' });
    }
    const session = await world.open({ requireDurable: true, settings: { synchronous_commit: 'on' } });
    expect(session.closed.aborted).toBe(false);
  });
});

describe('statements', () => {
  test('those sent at once run in the order of the calls, and each has its own answer', async () => {
    await using world = openWorld();
    const session = await world.open();
    await session.query({ text: 'CREATE TABLE seen (at bigserial, n int)' });
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        session.query<{ n: number }>({
          text: 'INSERT INTO seen (n) VALUES ($1) RETURNING n',
          values: [n],
          name: 'insert',
        }),
      ),
    );
    expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(await valueOf(session, '(SELECT array_agg(n ORDER BY at) = array_agg(n ORDER BY n) FROM seen)')).toBe(true);
  });

  test('one that fails leaves those around it their answers', async () => {
    await using world = openWorld();
    const session = await world.open();
    const [before, failed, after] = await Promise.allSettled([
      valueOf(session, '1'),
      valueOf(session, '1 / 0'),
      valueOf(session, '3'),
    ]);
    expect([before, after]).toMatchObject([{ value: 1 }, { value: 3 }]);
    expect(failed).toMatchObject({ reason: { code: '22012', type: 'QUERY_ERROR', retry: 'never' } });
  });

  test('a refusal names the constraint and no value of the row', async () => {
    await using world = openWorld();
    const session = await world.open();
    await session.query({ text: 'CREATE TABLE people (name text CONSTRAINT people_key PRIMARY KEY, age int)' });
    const insert = { text: 'INSERT INTO people VALUES ($1, $2)' };
    await session.query({ ...insert, values: ['alice-the-secret', 1] });
    const taken = await failureOf(session.query({ ...insert, values: ['alice-the-secret', 2] }));
    expect(taken).toMatchObject({ code: '23505', context: { table: 'people', constraint: 'people_key' } });
    const wrong = await failureOf(session.query({ ...insert, values: ['bob', 'not-a-secret-number'] }));
    expect(wrong).toMatchObject({ code: '22P02' });
    for (const error of [taken, wrong]) expect(JSON.stringify([error, error.message])).not.toMatch(/secret/);
  });
});

describe('COMMIT', () => {
  test('behind a statement that failed it is a failure: nothing was written', async () => {
    await using world = openWorld();
    const session = await world.open();
    await session.query({ text: 'CREATE TABLE kept (n int)' });
    const [begun, wrote, failed, committed] = await Promise.allSettled([
      session.query({ text: 'BEGIN' }),
      session.query({ text: 'INSERT INTO kept VALUES (1)' }),
      session.query({ text: 'SELECT 1 / 0' }),
      session.commit(),
    ]);
    expect([begun.status, wrote.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(failed).toMatchObject({ reason: { code: '22012' } });
    expect(committed).toMatchObject({ reason: { code: 'DB_COMMIT_ROLLED_BACK', retry: 'now' } });
    expect(await valueOf(session, '(SELECT count(*)::int FROM kept)')).toBe(0);
  });

  test('behind statements that succeeded it is done when it is answered', async () => {
    await using world = openWorld();
    const [session, other] = [await world.open(), await world.open()];
    await session.query({ text: 'CREATE TABLE stayed (n int)' });
    await Promise.all([
      session.query({ text: 'BEGIN' }),
      session.query({ text: 'INSERT INTO stayed VALUES (1)' }),
      session.commit(),
    ]);
    expect(await valueOf(other, '(SELECT count(*)::int FROM stayed)')).toBe(1);
  });

  test('its time counts from the answers before it where it is told so', async () => {
    await using world = openWorld();
    const [patient, hasty] = [await world.open(), await world.open()];
    const slowly = (session: Session) => session.query({ text: 'SELECT pg_sleep(3)' });
    await patient.query({ text: 'BEGIN' });
    const committed = patient.commit({ timeoutMs: 2_000, after: Promise.allSettled([slowly(patient)]) });
    await hasty.query({ text: 'BEGIN' });
    const cutOff = failureOf(slowly(hasty));
    expect(await failureOf(hasty.commit({ timeoutMs: 500 }))).toMatchObject({ code: 'DB_COMMIT_UNKNOWN' });
    expect(await cutOff).toMatchObject({ code: 'DB_CONNECTION_LOST' });
    await committed;
  });

  test('a warning of a statement does not count as a commit without its standbys', async () => {
    await using world = openWorld();
    const session = await world.open();
    await Promise.all([
      session.query({ text: 'BEGIN' }),
      session.query({ text: `DO $$ BEGIN RAISE WARNING 'only a remark'; END $$` }),
      session.commit(),
    ]);
    expect(session.closed.aborted).toBe(false);
  });

  test('that no standby has confirmed is told from one that is durable, also when both are under way', async () => {
    await using world = openWorld();
    const settings = { synchronous_commit: 'remote_apply' };
    const [session, other] = [await world.open({ settings }), await world.open()];
    await session.query({ text: 'CREATE TABLE alone (n int)' });
    await using paused = await pauseReplicas(world);
    const failing = failureOf(insertAndCommit(session, 1));
    const next = insertAndCommit(session, 2);
    const isWaiting = `EXISTS (SELECT FROM pg_stat_activity WHERE pid = ${session.backendPid} AND wait_event = 'SyncRep')`;
    await eventually(() => valueOf(other, isWaiting), SOON);
    await other.query({ text: 'SELECT pg_cancel_backend($1)', values: [session.backendPid] });
    expect(await failing).toMatchObject({ code: 'DB_COMMIT_NOT_DURABLE', type: 'REPLICATION_ERROR', retry: 'settle' });
    await paused.resume();
    await next;
  });

  test('that waits beyond its time is unknown, and the session is given up', async () => {
    await using world = openWorld();
    const [session, other] = [await world.open(), await world.open()];
    await session.query({ text: 'CREATE TABLE once (n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)' });
    // The deferred check of the second waits, at its COMMIT, for the transaction of the first.
    await other.query({ text: 'BEGIN' });
    await other.query({ text: 'INSERT INTO once VALUES (1)' });
    await session.query({ text: 'BEGIN' });
    await session.query({ text: 'INSERT INTO once VALUES (1)' });
    const error = await failureOf(session.commit({ timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'DB_COMMIT_UNKNOWN', type: 'TRANSACTION_ERROR', retry: 'settle' });
    expect(session.closed.aborted).toBe(true);
  });
});

describe('the end of a session', () => {
  test('that an administrator ended is told to whoever waits, and to who listens', async () => {
    await using world = openWorld();
    const [session, other] = [await world.open(), await world.open()];
    const waiting = failureOf(session.query({ text: 'SELECT pg_sleep(600)' }));
    await other.query({ text: 'SELECT pg_terminate_backend($1)', values: [session.backendPid] });
    expect(await waiting).toMatchObject({ code: '57P01', type: 'CONNECTION_ERROR', retry: 'later' });
    if (!session.closed.aborted) await once(session.closed, 'abort');
    expect(session.closed.reason).toMatchObject({ code: 'DB_CONNECTION_LOST' });
    expect(await failureOf(session.query({ text: 'SELECT 1' }))).toMatchObject({
      code: 'DB_CONNECTION_LOST',
      retry: 'later',
    });
  });

  test('that closes rolls back, leaves no backend, and closes once', async () => {
    await using world = openWorld();
    const [session, other] = [await world.open(), await world.open()];
    await session.query({ text: 'BEGIN' });
    await session.query({ text: 'CREATE TABLE gone (n int)' });
    await Promise.all([session.close(), session.close()]);
    await session.close();
    expect(session.closed.aborted).toBe(true);
    // The lock of the catalogue rows goes with the backend: this waits for exactly that.
    await other.query({ text: 'CREATE TABLE gone (n int)' });
    const alive = `(SELECT count(*)::int FROM pg_stat_activity WHERE pid = ${session.backendPid})`;
    await eventually(async () => (await valueOf(other, alive)) === 0, SOON);
  });

  test.each([
    ['arrives', 'pass'],
    ['is lost', 'cut-before'],
  ] as const)(
    'of long work ends with its signal, and its statement too, when the request to cancel %s',
    async (_, fate) => {
      await using world = openWorld();
      const { proxy, url } = await TcpProxy.before(world.url);
      await using _proxy = proxy;
      proxy.rule = (bytes) => (isCancel(bytes) ? fate : 'pass');
      const other = await world.open();
      const stopping = new AbortController();
      const options = { url, applicationName: 'long-work', connectTimeoutMs: 30_000, signal: stopping.signal };
      const session = await openAbortableSession(options);
      const slept = failureOf(session.query({ text: 'SELECT pg_sleep(600)' }));
      const backend = `FROM pg_stat_activity WHERE pid = ${session.backendPid}`;
      await eventually(() => valueOf(other, `EXISTS (SELECT ${backend} AND wait_event = 'PgSleep')`), SOON);
      stopping.abort(new Error('the work is over'));
      expect(await slept).toMatchObject({ code: 'DB_CONNECTION_LOST' });
      await eventually(async () => await valueOf(other, `NOT EXISTS (SELECT ${backend})`), SOON);
      await expect(openAbortableSession(options)).rejects.toMatchObject({ code: 'RT_ABORTED' });
    },
  );
});
