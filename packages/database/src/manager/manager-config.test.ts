import { expect, test } from 'vitest';
import { resolveManager } from './manager-config.ts';

const ENV = {
  DATABASE_URL: 'postgres://me:secret@one:5432/db',
  DATABASE_REPLICA_URLS: 'postgres://me@two/db, postgres://me@three/db,postgres://me@four/db',
} as const;

test('the short form takes the primary and the first replicas from the environment', () => {
  const { addresses, pool, replication } = resolveManager(
    { pool: { maxSize: 20, minSize: 5, idleTimeout: 30000 }, replication: { enabled: true, replicas: 2 } },
    ENV,
  );
  expect(addresses).toEqual([
    { name: 'primary', url: 'postgres://me:secret@one:5432/db' },
    { name: 'replica-1', url: 'postgres://me@two:5432/db' },
    { name: 'replica-2', url: 'postgres://me@three:5432/db' },
  ]);
  expect(pool).toMatchObject({ maxSize: 20, minSize: 5, idleTimeout: 30_000 });
  expect(replication).toMatchObject({ readPreference: 'secondary', syncMode: 'async' });
});

test('the full form names every node', () => {
  const { addresses, replication, pool } = resolveManager(
    {
      replication: {
        master: { host: 'a', user: 'u', password: 'p:/', database: 'd', name: 'amsterdam' },
        replicas: [{ url: 'postgres://b/d', name: 'berlin' }, 'postgres://c/d'],
        syncMode: 'sync',
        readPreference: 'nearest',
      },
    },
    {},
  );
  expect(addresses).toEqual([
    { name: 'amsterdam', url: 'postgres://u:p%3A%2F@a:5432/d' },
    { name: 'berlin', url: 'postgres://b:5432/d' },
    { name: 'replica-2', url: 'postgres://c:5432/d' },
  ]);
  expect(replication).toMatchObject({ syncMode: 'sync', readPreference: 'nearest' });
  expect(pool.requireDurable).toBe(true);
});

test('switched off, or not asked for, replication leaves the primary alone', () => {
  expect(resolveManager({ replication: { enabled: false, replicas: 2 } }, ENV).addresses).toHaveLength(1);
  expect(resolveManager({}, ENV)).toMatchObject({ replication: { readPreference: 'primary' } });
});

test.each([
  [{}, {}, /DATABASE_URL/],
  [{ replication: { replicas: 4 } }, ENV, /4 replicas.*names 3/],
  [{ database: 'mysql://a' }, {}, /no postgres/],
  [{ database: { user: 'me' } }, {}, /neither url nor host/],
  [{ database: 'postgres://a/d', replication: { master: 'postgres://b/d' } }, {}, /differ/],
  [{ replication: { replicas: [{ url: 'postgres://b', name: 'primary' }] } }, ENV, /same name/],
])('%j is refused', (config, env, message) => {
  expect(() => resolveManager(config, env)).toThrow(
    expect.objectContaining({ code: 'DB_CONFIG_INVALID', message: expect.stringMatching(message) }),
  );
});

test('a refusal does not show the password', () => {
  expect(() => resolveManager({ database: 'mysql://me:secret@a' }, {})).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});
