import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { COMMIT, useTransactions } from '../support/transaction-world.ts';

const world = useTransactions('toolkit-commits');
const { sql, open } = world;

test('of a thousand commits cut off before or after they arrive none is lost and none is done twice', async () => {
  const { proxy, url } = await TcpProxy.before(world.url());
  await using _proxy = proxy;
  await using tx = open({ url, maxSize: 8 });
  let commits = 0;
  proxy.rule = (bytes) => {
    if (!bytes.includes(COMMIT)) return 'pass';
    commits += 1;
    // Those by which a commit is settled, too.
    return commits % 3 === 0 ? 'pass' : commits % 3 === 1 ? 'cut-before' : 'cut-after';
  };
  const count = 1_000;
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const id = next;
      next += 1;
      await tx.manager
        .transaction(
          async (transaction) => {
            await transaction.execute('INSERT INTO done VALUES (?)', [id]);
            await transaction.execute('UPDATE accounts SET amount = amount + 1 WHERE id = ?', [1 + (id % 2)]);
          },
          { retryPolicy: { maxAttempts: 50, baseDelay: 1, maxDelay: 20 } },
        )
        .catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(failures).toEqual([]);
  const settled = tx.events.filter((event) => event.type === 'settled').map((event) => event.outcome);
  expect(settled.length).toBeGreaterThan(count / 2);
  expect(new Set(settled)).toEqual(new Set(['committed', 'rolled back']));
  // Done twice, the primary key would have refused it; the sum counts what the key does not.
  expect(await sql('SELECT (SELECT count(*)::int FROM done), sum(amount)::int AS sum FROM accounts')).toEqual([
    { count, sum: 200 + count },
  ]);
});

test('of transactions whose sessions are ended at any moment, those called committed are there and no others', async () => {
  // Of a busy machine many attempts in a row may be hit, and many questions what became of them.
  const retryPolicy = { maxAttempts: 100, baseDelay: 1, maxDelay: 20 };
  await using tx = open({ maxSize: 8, defaults: { retryPolicy, settleTimeout: 60_000 } });
  const committed: number[] = [];
  const failures: unknown[] = [];
  let next = 0;
  let running = true;
  const worker = async () => {
    while (running) {
      const id = next;
      next += 1;
      try {
        await tx.manager.transaction((transaction) => transaction.execute('INSERT INTO done VALUES (?)', [id]));
        committed.push(id);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const workers = Array.from({ length: 8 }, worker);
  const endAll = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ?';
  const retries = () => tx.events.filter((event) => event.type === 'retry').length;
  // Between two ends there is time to connect, which a commit shows, and to be in the midst of something.
  while (retries() < 200 || committed.length < 200) {
    const before = committed.length;
    await eventually(() => committed.length > before, { withinMs: 60_000, everyMs: 1 });
    await sql('SELECT pg_sleep(random() * 0.02)');
    await sql(endAll, [tx.applicationName]);
  }
  running = false;
  await Promise.all(workers);
  expect(retries()).toBeGreaterThanOrEqual(200);
  expect(failures).toEqual([]);
  const kept = await sql<{ id: number }>('SELECT id FROM done ORDER BY id');
  expect(kept.map(({ id }) => id)).toEqual(committed.toSorted((one, other) => one - other));
});
