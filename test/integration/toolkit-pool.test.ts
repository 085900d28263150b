import { ConnectionManager, type ConnectionManagerConfig, openSession, type PoolEvent } from '@tradestream/database';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Lateness } from '../support/lateness.ts';
import { createDatabase, type ScratchDatabase } from '../support/scratch.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;

let database: ScratchDatabase;

beforeAll(async () => {
  database = await createDatabase(inject('endpoints'), 'toolkit-pool');
});
afterAll(async () => {
  await database.close();
});

/** A manager with a name of its own, its events, and what the server knows of it. */
function open(config: Omit<ConnectionManagerConfig, 'database' | 'onEvent'> & { readonly url?: string }) {
  const applicationName = `pool-${Math.random().toString(36).slice(2)}`;
  const events: PoolEvent[] = [];
  const manager = new ConnectionManager({
    database: config.url ?? database.url,
    pool: { acquireTimeout: 20_000, ...config.pool, applicationName },
    onEvent: (event) => events.push(event),
  });
  return { manager, events, applicationName, [Symbol.asyncDispose]: () => manager.close() };
}

/** Sessions of the server under the name. */
async function sessionsOf(
  applicationName: string,
): Promise<readonly { readonly pid: number; readonly state: string }[]> {
  await using observer = new ConnectionManager({ database: database.url, pool: { maxSize: 1 } });
  await using connection = await observer.getConnection();
  const text = 'SELECT pid, state FROM pg_stat_activity WHERE application_name = ? ORDER BY pid';
  return (await connection.execute<{ pid: number; state: string }>(text, [applicationName])).rows;
}

async function kill(pids: readonly number[]): Promise<void> {
  await using observer = new ConnectionManager({ database: database.url, pool: { maxSize: 1 } });
  await using connection = await observer.getConnection();
  await connection.execute('SELECT pg_terminate_backend(pid) FROM unnest(?::int[]) AS pid', [pids]);
}

test('both spellings bound the connections', async () => {
  await using byName = open({ pool: { maxSize: 2, minSize: 1 } });
  await using byShortName = open({ pool: { max: 2, min: 1 } });
  for (const { manager } of [byName, byShortName]) {
    await eventually(() => manager.metrics.idle === 1, WITHIN);
    const connections = await Promise.all([manager.getConnection(), manager.getConnection()]);
    await expect(manager.getConnection({ timeoutMs: 50 })).rejects.toThrow(
      expect.objectContaining({ code: 'DB_POOL_TIMEOUT', type: 'CONNECTION_ERROR', retryable: true }),
    );
    await Promise.all(connections.map((connection) => manager.releaseConnection(connection)));
    expect(manager.metrics).toMatchObject({ total: 2, idle: 2, active: 0, waiting: 0 });
  }
});

test('settings that cannot be are refused all at once', () => {
  expect(() => open({ pool: { maxSize: 0, minSize: 3, min: 2, idleTimeout: -1 } })).toThrow(
    expect.objectContaining({
      code: 'DB_CONFIG_INVALID',
      message: expect.stringMatching(/minSize and min.*maxSize must be.*minSize 3 is more.*idleTimeout/),
    }),
  );
});

test('the least number stays open and the rest goes when idle', async () => {
  await using pool = open({ pool: { maxSize: 4, minSize: 2, idleTimeout: 100, evictionRunInterval: 20 } });
  const connections = await Promise.all([1, 2, 3, 4].map(() => pool.manager.getConnection()));
  await Promise.all(connections.map((connection) => connection.release()));
  await eventually(() => pool.manager.metrics.total === 2, WITHIN);
  await eventually(async () => (await sessionsOf(pool.applicationName)).length === 2, WITHIN);
  expect(pool.manager.metrics.meter.closed.idle).toBeGreaterThanOrEqual(2);
});

test('a connection is replaced at the end of its life', async () => {
  await using pool = open({ pool: { maxSize: 1, minSize: 1, maxLifetime: 100, evictionRunInterval: 20 } });
  const first = await pool.manager.getConnection();
  const pid = first.backendPid;
  await first.release();
  await eventually(() => pool.manager.metrics.meter.closed.lifetime > 0, WITHIN);
  await eventually(
    async () => (await sessionsOf(pool.applicationName)).every((session) => session.pid !== pid),
    WITHIN,
  );
});

test('callers are served in the order of their calls', async () => {
  await using pool = open({ pool: { maxSize: 1 } });
  const held = await pool.manager.getConnection();
  const order: number[] = [];
  const waiting = [1, 2, 3, 4].map(async (turn) => {
    await using connection = await pool.manager.getConnection();
    order.push(turn);
    await connection.execute('SELECT 1');
  });
  await held.release();
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3, 4]);
});

test('the queue is bounded', async () => {
  await using pool = open({ pool: { maxSize: 1, maxWaiting: 1 } });
  await using held = await pool.manager.getConnection();
  const waiting = pool.manager.getConnection();
  await expect(pool.manager.getConnection()).rejects.toThrow(expect.objectContaining({ code: 'DB_POOL_QUEUE_FULL' }));
  await held.release();
  await (await waiting).release();
});

test('a caller who gives up by abort leaves the queue', async () => {
  await using pool = open({ pool: { maxSize: 1 } });
  await using held = await pool.manager.getConnection();
  const abort = new AbortController();
  const waiting = pool.manager.getConnection({ signal: abort.signal });
  await eventually(() => pool.manager.metrics.waiting === 1, WITHIN);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'DB_POOL_TIMEOUT' }));
  expect(pool.manager.metrics.waiting).toBe(0);
  await held.release();
});

test('a connection that is kept too long is reported with its borrower and statement', async () => {
  await using pool = open({ pool: { maxSize: 1, leakDetectionThreshold: 50 } });
  const leaked = await borrowAndForget(pool.manager);
  const leak = await eventually(() => pool.events.find((event) => event.type === 'leak') ?? false, WITHIN);
  expect(leak).toMatchObject({ backendPid: leaked.backendPid, statement: 'SELECT $1::text' });
  expect(leak).toHaveProperty('stack', expect.stringContaining('borrowAndForget'));
  expect(JSON.stringify(leak)).not.toContain('a secret value');
  await leaked.release();
  expect(pool.events.filter((event) => event.type === 'leak')).toHaveLength(1);
});

async function borrowAndForget(manager: ConnectionManager) {
  const connection = await manager.getConnection();
  await connection.execute('SELECT ?::text', ['a secret value']);
  return connection;
}

test('a transaction left open is rolled back, reported, and never met by the next borrower', async () => {
  await using pool = open({ pool: { maxSize: 1 } });
  const first = await pool.manager.getConnection();
  await first.execute('CREATE TABLE left_open (id int)');
  await first.execute('BEGIN');
  await first.execute('INSERT INTO left_open VALUES (1)');
  await first.release();
  const second = await pool.manager.getConnection();
  expect(second.backendPid).toBe(first.backendPid);
  const { rows } = await second.execute(
    'SELECT pg_current_xact_id_if_assigned()::text AS xid, (SELECT count(*)::int FROM left_open) AS count',
  );
  expect(rows).toEqual([{ xid: null, count: 0 }]);
  await second.release();
  expect(pool.events).toContainEqual(
    expect.objectContaining({ type: 'dirty-return', statement: 'INSERT INTO left_open VALUES (1)' }),
  );
  expect(pool.manager.metrics.meter.dirtyReturns).toBe(1);
});

test('what a borrower set in his session is not met by the next one', async () => {
  await using pool = open({ pool: { maxSize: 1 } });
  const first = await pool.manager.getConnection();
  await first.execute('SET search_path = elsewhere');
  await first.execute('SELECT pg_advisory_lock(7)');
  await first.release();
  await using second = await pool.manager.getConnection();
  expect((await second.execute('SHOW search_path')).rows).toEqual([{ search_path: '"$user", public' }]);
  expect((await second.execute('SELECT pg_try_advisory_lock(7) AS free')).rows).toEqual([{ free: true }]);
});

test('a connection given back cannot be used, and giving it back twice does nothing', async () => {
  await using pool = open({ pool: { maxSize: 1 } });
  const connection = await pool.manager.getConnection();
  await connection.release();
  await connection.release();
  await expect(connection.execute('SELECT 1')).rejects.toThrow(
    expect.objectContaining({ code: 'DB_CONNECTION_RELEASED', retryable: false }),
  );
  expect(pool.manager.metrics).toMatchObject({ idle: 1, total: 1 });
});

test('connections that die idle, lent and at work never end the process and are replaced', async () => {
  await using pool = open({ pool: { maxSize: 4, minSize: 4 } });
  const [lent, atWork, ...rest] = await Promise.all([1, 2, 3, 4].map(() => pool.manager.getConnection()));
  await Promise.all(rest.map((connection) => connection.release()));
  const work = atWork?.execute('SELECT pg_sleep(60)').catch((error: unknown) => error);
  await eventually(
    async () => (await sessionsOf(pool.applicationName)).some(({ state }) => state === 'active'),
    WITHIN,
  );
  const killed = (await sessionsOf(pool.applicationName)).map(({ pid }) => pid);
  expect(killed).toHaveLength(4);
  await kill(killed);
  expect(await work).toMatchObject({ code: '57P01', type: 'CONNECTION_ERROR', retryable: true });
  await eventually(() => lent?.closed.aborted ?? false, WITHIN);
  await expect(lent?.execute('SELECT 1')).rejects.toThrow(expect.objectContaining({ code: 'DB_CONNECTION_LOST' }));
  await Promise.all([lent?.release(), atWork?.release()]);
  await eventually(() => pool.manager.metrics.idle === 4, WITHIN);
  await using again = await pool.manager.getConnection();
  expect(killed).not.toContain(again.backendPid);
  expect((await again.execute('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test('under load with every backend killed, each costs one statement, and work goes on within a second', async () => {
  await using pool = open({ pool: { maxSize: 8 } });
  await using observer = open({ pool: { maxSize: 1 } });
  await using killer = await observer.manager.getConnection();
  let running = true;
  let succeeded = 0;
  const failures: { readonly atMs: number; readonly error: unknown }[] = [];
  const workers = Array.from({ length: 16 }, async () => {
    while (running) {
      try {
        await using connection = await pool.manager.getConnection();
        await connection.execute('SELECT pg_sleep(0.002)');
        succeeded += 1;
      } catch (error) {
        failures.push({ atMs: performance.now(), error });
      }
    }
  });
  let referenceMs = 0;
  const reference = (async () => {
    while (running) referenceMs = Math.max(referenceMs, await connectAndAskMs());
  })();
  await eventually(() => succeeded > 50, WITHIN);
  const killedMs = performance.now();
  const { rows } = await killer.execute(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?',
    [pool.applicationName],
  );
  const { meter } = pool.manager.metrics;
  await eventually(() => meter.closed.lost >= rows.length, WITHIN);
  const before = succeeded;
  await eventually(() => succeeded > before + 100, WITHIN);
  running = false;
  await Promise.all([...workers, reference]);
  for (const { error } of failures) expect(error).toMatchObject({ type: 'CONNECTION_ERROR', retryable: true });
  // However busy the machine: nobody meets a dead connection twice, and no attempt to connect fails or waits.
  expect(rows.length).toBeGreaterThan(0);
  expect(failures.length).toBeLessThanOrEqual(rows.length);
  expect(meter.connectFailures).toBe(0);
  // By the clock, with what the machine takes at this time for a connection and a statement alone.
  expect((failures.at(-1)?.atMs ?? killedMs) - killedMs).toBeLessThan(1_000 + 2 * referenceMs);
  await eventually(async () => (await sessionsOf(pool.applicationName)).length <= 8, WITHIN);
});

/** How long a connection without a pool and one statement take just now. */
async function connectAndAskMs(): Promise<number> {
  const startedMs = performance.now();
  const session = await openSession({ url: database.url, applicationName: 'reference', connectTimeoutMs: 20_000 });
  await session.query({ text: 'SELECT 1' });
  const elapsedMs = performance.now() - startedMs;
  await session.close();
  return elapsedMs;
}

test('a server that swallows packets is given up by the deadline, and comes back', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  using lateness = new Lateness();
  await using pool = open({
    url,
    pool: {
      maxSize: 3,
      acquireTimeout: 1_000,
      queryTimeout: 1_000,
      healthCheck: { enabled: true, interval: 60_000, timeout: 300 },
    },
  });
  const busy = await eventually(() => pool.manager.getConnection(), WITHIN);
  const idle = await eventually(() => pool.manager.getConnection(), WITHIN);
  await idle.release();
  proxy.mode = 'drop';
  const deadline = async (work: Promise<unknown>) => {
    const startedMs = performance.now();
    const code = await work.then(
      () => 'none',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : 'untyped'),
    );
    return { code, elapsedMs: performance.now() - startedMs };
  };
  const [query, ...acquires] = await Promise.all([
    deadline(busy.execute('SELECT 1')),
    ...Array.from({ length: 5 }, () => deadline(borrowAndAsk(pool.manager))),
  ]);
  expect(query?.code).toBe('DB_STATEMENT_TIMEOUT');
  for (const { code } of acquires) expect(['DB_CONNECTION_FAILED', 'DB_STATEMENT_TIMEOUT']).toContain(code);
  expect(query?.elapsedMs).toBeLessThan(1_100 + lateness.slackMs);
  // An acquire and a statement, each with a deadline of its own.
  for (const { elapsedMs } of acquires) expect(elapsedMs).toBeLessThan(2_200 + lateness.slackMs);
  expect(await pool.manager.healthCheck()).toMatchObject({ healthy: false, node: 'primary' });
  await busy.release();
  proxy.resetAll();
  proxy.mode = 'pass';
  await eventually(async () => (await pool.manager.healthCheck()).healthy, WITHIN);
  await eventually(async () => (await sessionsOf(pool.applicationName)).length <= 3, WITHIN);
});

async function borrowAndAsk(manager: ConnectionManager): Promise<void> {
  await using connection = await manager.getConnection();
  await connection.execute('SELECT 1');
}

test('a caller who gave up while the connection was being made leaves no session', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  await using pool = open({ url, pool: { maxSize: 2 } });
  proxy.mode = 'drop';
  const waiting = [1, 2, 3].map(() => pool.manager.getConnection({ timeoutMs: 100 }));
  for (const each of waiting)
    await expect(each).rejects.toThrow(expect.objectContaining({ code: 'DB_CONNECTION_FAILED' }));
  expect(pool.manager.metrics).toMatchObject({ total: 0, opening: 0, waiting: 0 });
  proxy.resetAll();
  proxy.mode = 'pass';
  await eventually(async () => (await sessionsOf(pool.applicationName)).length === 0, WITHIN);
  // More callers than connections, time and again: 3543's pool was spent after two.
  for (let round = 0; round < 5; round += 1) await borrowAndAsk(pool.manager);
  expect(await sessionsOf(pool.applicationName)).toHaveLength(1);
});

test('a thousand loans over a network that fails leak nothing on either side', async () => {
  const { proxy, url } = await TcpProxy.before(database.url);
  await using _proxy = proxy;
  await using pool = open({ url, pool: { maxSize: 5, acquireTimeout: 5_000, queryTimeout: 2_000 } });
  let done = 0;
  let failed = 0;
  const worker = async () => {
    while (done < 1_000) {
      done += 1;
      if (done % 50 === 0) proxy.resetAll();
      try {
        await borrowAndAsk(pool.manager);
      } catch {
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect(failed).toBeGreaterThan(0);
  expect(failed).toBeLessThan(500);
  expect(pool.manager.metrics).toMatchObject({ active: 0, waiting: 0 });
  expect(pool.manager.metrics.total).toBeLessThanOrEqual(5);
  await eventually(
    async () =>
      (await sessionsOf(pool.applicationName)).length === pool.manager.metrics.total + pool.manager.metrics.opening,
    WITHIN,
  );
});

test('a wrong password is told at once', async () => {
  const wrong = new URL(database.url);
  wrong.password = 'wrong';
  await using pool = open({ url: wrong.href, pool: { maxSize: 1, acquireTimeout: 30_000 } });
  const failure = await pool.manager.getConnection().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: '28P01', type: 'CONNECTION_ERROR', retryable: false });
  expect(String(failure)).not.toContain('wrong@');
});

test('a closed pool leaves no session and lends nothing', async () => {
  const pool = open({ pool: { maxSize: 3, minSize: 2 } });
  await borrowAndAsk(pool.manager);
  await pool.manager.close();
  await eventually(async () => (await sessionsOf(pool.applicationName)).length === 0, WITHIN);
  await expect(pool.manager.getConnection()).rejects.toThrow(expect.objectContaining({ code: 'DB_POOL_CLOSED' }));
});
