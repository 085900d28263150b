import { DatabaseError, IsolationLevel } from '@tradestream/database';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Lateness } from '../support/lateness.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { COMMIT, useTransactions } from '../support/transaction-world.ts';

const WITHIN = { withinMs: 60_000 } as const;
const LEVELS = Object.values(IsolationLevel);

const world = useTransactions('toolkit-tx');
const { sql, open } = world;

test('what is committed is there, what is rolled back is not', async () => {
  await using tx = open();
  const one = await tx.manager.beginTransaction({ isolation: IsolationLevel.SERIALIZABLE, timeout: 20_000 });
  await one.execute('INSERT INTO done VALUES (?)', [1]);
  await tx.manager.commit(one);
  const other = await tx.manager.beginTransaction();
  await other.execute('INSERT INTO done VALUES (?)', [2]);
  await tx.manager.rollback(other);
  await other.rollback();
  expect([one.outcome, other.outcome]).toEqual(['committed', 'rolled back']);
  expect(await sql('SELECT id FROM done')).toEqual([{ id: 1 }]);
  expect(tx.connections.metrics).toMatchObject({ active: 0 });
  await expect(one.execute('SELECT 1')).rejects.toThrow(expect.objectContaining({ code: 'DB_TRANSACTION_ENDED' }));
  await expect(one.commit()).rejects.toThrow(expect.objectContaining({ code: 'DB_TRANSACTION_ENDED' }));
});

test.each(LEVELS)('%s is what the server runs', async (isolation) => {
  await using tx = open();
  const level = await tx.manager.transaction(
    async (transaction) => {
      const { rows } = await transaction.execute<{ level: string }>(
        `SELECT current_setting('transaction_isolation') AS level`,
      );
      return rows[0]?.level;
    },
    { isolation },
  );
  expect(level).toBe(isolation.toLowerCase());
});

test('a read-only transaction refuses to write', async () => {
  await using tx = open();
  const transaction = await tx.manager.beginTransaction({ readOnly: true });
  await expect(transaction.execute('INSERT INTO done VALUES (1)')).rejects.toThrow(
    expect.objectContaining({ code: '25006' }),
  );
  await transaction.rollback();
});

test('settings that cannot be are refused', async () => {
  await using tx = open();
  const wrong = tx.manager.beginTransaction({ timeout: 0, retryPolicy: { maxAttempts: 0, baseDelay: 5, maxDelay: 1 } });
  await expect(wrong).rejects.toThrow(expect.objectContaining({ code: 'DB_CONFIG_INVALID' }));
  expect(tx.connections.metrics).toMatchObject({ total: 0 });
});

test('a savepoint undoes its own part, at any depth, and the rest is committed', async () => {
  await using tx = open();
  await tx.manager.transaction(async (transaction) => {
    await transaction.execute('INSERT INTO done VALUES (1)');
    const failed = await transaction
      .savepoint(async (inner) => {
        await inner.execute('INSERT INTO done VALUES (2)');
        await inner.savepoint(async (innermost) => {
          await innermost.execute('INSERT INTO done VALUES (3)');
        });
        await inner.execute('INSERT INTO done VALUES (1)');
      })
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: '23505' });
    await transaction.createSavepoint('a "name"');
    await transaction.execute('INSERT INTO done VALUES (4)');
    await transaction.rollbackTo('a "name"');
    await transaction.execute('INSERT INTO done VALUES (5)');
    await transaction.releaseSavepoint('a "name"');
  });
  expect(await sql('SELECT id FROM done ORDER BY id')).toEqual([{ id: 1 }, { id: 5 }]);
});

test('a commit after a statement failed says that nothing was written, and why', async () => {
  await using tx = open();
  const transaction = await tx.manager.beginTransaction();
  await transaction.execute('INSERT INTO done VALUES (1)');
  await transaction.execute('INSERT INTO done VALUES (1)').catch(() => undefined);
  const failure = await transaction.commit().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'DB_COMMIT_ROLLED_BACK', type: 'TRANSACTION_ERROR', cause: { code: '23505' } });
  expect(transaction.outcome).toBe('rolled back');
  expect(await sql('SELECT * FROM done')).toEqual([]);
});

test('an error that no retry mends is thrown after one attempt, also when the work swallowed it', async () => {
  await using tx = open();
  let attempts = 0;
  const work = tx.manager.transaction(async (transaction) => {
    attempts += 1;
    await transaction.execute('INSERT INTO done VALUES (1), (1)').catch(() => undefined);
  });
  await expect(work).rejects.toThrow(expect.objectContaining({ code: 'DB_COMMIT_ROLLED_BACK' }));
  expect(attempts).toBe(1);
});

test('an error of the application rolls back and is thrown as it is', async () => {
  await using tx = open();
  const error = new Error('no funds');
  const work = tx.manager.transaction(async (transaction) => {
    await transaction.execute('INSERT INTO done VALUES (1)');
    throw error;
  });
  await expect(work).rejects.toBe(error);
  expect(await sql('SELECT * FROM done')).toEqual([]);
  expect(tx.connections.metrics).toMatchObject({ active: 0 });
});

test('the deadline bounds a wait for a lock', async () => {
  await using tx = open();
  using lateness = new Lateness();
  const holder = await tx.manager.beginTransaction();
  await holder.execute('UPDATE accounts SET amount = 0 WHERE id = 1');
  const late = await tx.manager.beginTransaction({ timeout: 800 });
  const startedMs = performance.now();
  await expect(late.execute('UPDATE accounts SET amount = 1 WHERE id = 1')).rejects.toThrow(
    expect.objectContaining({ code: 'DB_TRANSACTION_TIMEOUT', type: 'TRANSACTION_ERROR' }),
  );
  expect(performance.now() - startedMs).toBeLessThan(880 + lateness.slackMs);
  expect(late.outcome).toBe('rolled back');
  await expect(late.commit()).rejects.toThrow(expect.objectContaining({ code: 'DB_TRANSACTION_TIMEOUT' }));
  await holder.commit();
  expect(await sql('SELECT amount FROM accounts WHERE id = 1')).toEqual([{ amount: 0 }]);
  await eventually(() => tx.connections.metrics.active === 0, WITHIN);
});

test('a lock not free in time is tried again', async () => {
  await using tx = open();
  const holder = await tx.manager.beginTransaction();
  await holder.execute('UPDATE accounts SET amount = 0 WHERE id = 1');
  const work = tx.manager.transaction(
    (transaction) => transaction.execute('UPDATE accounts SET amount = amount + 1 WHERE id = 1'),
    { lockTimeout: 50, retryPolicy: { maxAttempts: 1_000, baseDelay: 10, maxDelay: 50 } },
  );
  await eventually(() => tx.events.some((event) => event.type === 'retry' && event.code === '55P03'), WITHIN);
  await holder.commit();
  await work;
  expect(await sql('SELECT amount FROM accounts WHERE id = 1')).toEqual([{ amount: 1 }]);
});

test('a transaction whose application is silent beyond the deadline leaves no locks', async () => {
  await using tx = open();
  const silent = await tx.manager.beginTransaction({ timeout: 800 });
  await silent.execute('UPDATE accounts SET amount = 0 WHERE id = 1');
  await eventually(() => silent.outcome === 'rolled back', WITHIN);
  await tx.manager.transaction((transaction) => transaction.execute('UPDATE accounts SET amount = 7 WHERE id = 1'));
  await expect(silent.execute('SELECT 1')).rejects.toThrow(expect.objectContaining({ code: 'DB_TRANSACTION_TIMEOUT' }));
  expect(await sql('SELECT amount FROM accounts WHERE id = 1')).toEqual([{ amount: 7 }]);
});

test.each(LEVELS)('at %s opposite orders deadlock, are tried again, and both are done', async (isolation) => {
  await using tx = open({ maxSize: 12 });
  const rounds = 2;
  const transfer = (from: number, to: number, options: { label: string; bothHold: () => Promise<void> }) =>
    tx.manager.transaction(
      async (transaction) => {
        await transaction.execute('UPDATE accounts SET amount = amount - 1 WHERE id = ?', [from]);
        await options.bothHold();
        await transaction.execute('UPDATE accounts SET amount = amount + 1 WHERE id = ?', [to]);
      },
      { isolation, label: options.label, retryPolicy: { maxAttempts: 100, baseDelay: 20, maxDelay: 300 } },
    );
  for (let round = 0; round < rounds; round += 1) {
    const bothHold = meetingOf(2);
    await Promise.all([transfer(1, 2, { label: 'there', bothHold }), transfer(2, 1, { label: 'back', bothHold })]);
  }
  expect(await sql('SELECT id, amount FROM accounts ORDER BY id')).toEqual([
    { id: 1, amount: 100 },
    { id: 2, amount: 100 },
  ]);
  const report = await eventually(() => {
    const [first] = tx.manager.deadlocks;
    if (first === undefined) throw new Error('no deadlock is explained yet');
    return first;
  }, WITHIN);
  expect(report.parties).toHaveLength(2);
  expect(report.context).toContain('accounts');
  for (const party of report.parties) {
    expect(party.statement).toMatch(/^UPDATE accounts SET amount/);
    expect(party.relations).toEqual(['accounts']);
    expect(party.applicationName).toMatch(/there|back/);
    expect(party.lock).toMatch(/Lock$/);
  }
  expect(report.parties.map((party) => party.isVictim)).toEqual([true, false]);
});

/** Resolves for those who come once so many have; who comes later, as after a retry, waits for nobody. */
function meetingOf(count: number): () => Promise<void> {
  const all = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come += 1;
    if (come >= count) all.resolve();
    return all.promise;
  };
}

test('in the same order no deadlock arises', async () => {
  await using tx = open();
  const transfer = (from: number, to: number) =>
    tx.manager.transaction(async (transaction) => {
      for (const id of [from, to].toSorted((one, other) => one - other)) {
        await transaction.execute('UPDATE accounts SET amount = amount + ? WHERE id = ?', [id === from ? -1 : 1, id]);
      }
    });
  await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? transfer(1, 2) : transfer(2, 1))));
  expect(tx.events.filter((event) => event.type === 'retry')).toEqual([]);
  expect(await sql('SELECT sum(amount)::int AS sum FROM accounts')).toEqual([{ sum: 200 }]);
});

test('what cannot be serialized is tried again, and no update is lost', async () => {
  await using tx = open();
  const increment = () =>
    tx.manager.transaction(
      async (transaction) => {
        const { rows } = await transaction.execute<{ amount: number }>('SELECT amount FROM accounts WHERE id = 1');
        await transaction.execute('UPDATE accounts SET amount = ? WHERE id = 1', [(rows[0]?.amount ?? 0) + 1]);
      },
      { isolation: 'SERIALIZABLE', retryPolicy: { maxAttempts: 1_000, baseDelay: 5, maxDelay: 50 } },
    );
  await Promise.all(Array.from({ length: 30 }, increment));
  expect(await sql('SELECT amount FROM accounts WHERE id = 1')).toEqual([{ amount: 130 }]);
  expect(tx.events.some((event) => event.type === 'retry' && event.code === '40001')).toBe(true);
});

test('attempts that are spent are told with the last failure', async () => {
  await using tx = open();
  let attempts = 0;
  const work = tx.manager.transaction(
    async (transaction) => {
      attempts += 1;
      await transaction.execute(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$`);
    },
    { retryPolicy: { maxAttempts: 3, baseDelay: 1, maxDelay: 2 } },
  );
  await expect(work).rejects.toThrow(
    expect.objectContaining({ code: 'DB_RETRIES_SPENT', cause: expect.objectContaining({ code: '40001' }) }),
  );
  expect(attempts).toBe(3);
});

test('a backend ended inside a transaction has the whole work done again', async () => {
  await using tx = open();
  let attempts = 0;
  await tx.manager.transaction(async (transaction) => {
    attempts += 1;
    await transaction.execute('INSERT INTO done VALUES (1)');
    if (attempts === 1) await sql('SELECT pg_terminate_backend(?)', [transaction.backendPid]);
    await transaction.execute('INSERT INTO done VALUES (2)');
  });
  expect(attempts).toBe(2);
  expect(await sql('SELECT id FROM done ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a commit whose answer is cut off is unknown until it is settled', async () => {
  const { proxy, url } = await TcpProxy.before(world.url());
  await using _proxy = proxy;
  await using tx = open({ url });
  for (const cut of ['cut-before', 'cut-after'] as const) {
    const transaction = await tx.manager.beginTransaction();
    await transaction.execute('INSERT INTO done VALUES (?)', [cut === 'cut-before' ? 1 : 2]);
    proxy.rule = (bytes) => (bytes.includes(COMMIT) ? cut : 'pass');
    await expect(transaction.commit()).rejects.toThrow(
      expect.objectContaining({ code: 'DB_COMMIT_UNKNOWN', retryable: false }),
    );
    proxy.rule = () => 'pass';
    expect(transaction.outcome).toBe('unknown');
    expect(await transaction.settle()).toBe(cut === 'cut-before' ? 'rolled back' : 'committed');
  }
  expect(await sql('SELECT id FROM done')).toEqual([{ id: 2 }]);
});

test('a session that ended before COMMIT was sent is no doubt about the outcome', async () => {
  await using tx = open();
  const transaction = await tx.manager.beginTransaction();
  await transaction.execute('INSERT INTO done VALUES (1)');
  await transaction.execute('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
  await expect(transaction.commit()).rejects.toThrow(DatabaseError);
  expect(transaction.outcome).toBe('rolled back');
});

test('a hook settles in the application its own way', async () => {
  const { proxy, url } = await TcpProxy.before(world.url());
  await using _proxy = proxy;
  await using tx = open({ url });
  proxy.rule = (bytes) => (bytes.includes(COMMIT) ? 'cut-after' : 'pass');
  const asked: unknown[] = [];
  const value = await tx.manager.transaction(
    async (transaction) => {
      await transaction.execute('INSERT INTO done VALUES (9)');
      return 'done';
    },
    {
      settle: async (commit) => {
        asked.push(commit);
        await eventually(async () => (await sql('SELECT 1 FROM done WHERE id = 9')).length > 0, WITHIN);
        return 'committed';
      },
    },
  );
  expect(value).toBe('done');
  expect(asked).toEqual([
    expect.objectContaining({ node: 'primary', xid: expect.stringMatching(/^\d+$/), timeline: 1 }),
  ]);
});

test('a commit over a network that swallows packets returns by the deadline', async () => {
  const { proxy, url } = await TcpProxy.before(world.url());
  await using _proxy = proxy;
  await using tx = open({ url });
  using lateness = new Lateness();
  const transaction = await tx.manager.beginTransaction({ timeout: 1_000 });
  await transaction.execute('INSERT INTO done VALUES (1)');
  const startedMs = performance.now();
  proxy.mode = 'drop';
  await expect(transaction.commit()).rejects.toThrow(expect.objectContaining({ code: 'DB_COMMIT_UNKNOWN' }));
  expect(performance.now() - startedMs).toBeLessThan(1_100 + lateness.slackMs);
  proxy.resetAll();
  proxy.mode = 'pass';
  expect(await transaction.settle()).toBe('rolled back');
});

test('transactions are listed with their origin, and idle ones ended by policy', async () => {
  await using tx = open();
  const idle = await tx.manager.beginTransaction({ label: 'nightly report' });
  await idle.execute('SELECT 1');
  const listed = await tx.manager.listTransactions();
  expect(listed).toContainEqual(
    expect.objectContaining({
      backendPid: idle.backendPid,
      applicationName: tx.applicationName,
      label: 'nightly report',
      clientAddress: '127.0.0.1',
      statement: expect.stringContaining('SELECT'),
    }),
  );
  const lenient = await tx.manager.checkTransactions({ idleAfter: 60_000, longRunningAfter: 60_000 });
  expect(lenient).toEqual([]);
  const strict = await eventually(async () => {
    const findings = await tx.manager.checkTransactions({ idleAfter: 1, onIdle: 'terminate' });
    return findings.length > 0 ? findings : false;
  }, WITHIN);
  expect(strict).toEqual([expect.objectContaining({ kind: 'idle in transaction', action: 'terminate' })]);
  expect(tx.events).toContainEqual(expect.objectContaining({ type: 'long-running' }));
  await expect(eventually(() => idle.execute('SELECT 1').then(() => false), { withinMs: 1 })).rejects.toThrow(
    expect.objectContaining({ type: 'CONNECTION_ERROR' }),
  );
  await idle.rollback();
});

test('the monitor cancels what runs too long, and leaves others alone', async () => {
  await using other = open();
  const theirs = await other.manager.beginTransaction();
  const working = theirs.execute('SELECT pg_sleep(1.5)');
  await using tx = open({ monitor: { longRunningAfter: 200, onLongRunning: 'cancel', interval: 50 } });
  const long = await tx.manager.beginTransaction();
  await expect(long.execute('SELECT pg_sleep(60)')).rejects.toThrow(expect.objectContaining({ code: '57014' }));
  await long.rollback();
  await working;
  await theirs.commit();
  expect(theirs.outcome).toBe('committed');
});
