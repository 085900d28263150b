import {
  ConnectionManager,
  type TransactionEvent,
  TransactionManager,
  type TransactionManagerConfig,
} from '@tradestream/database';
import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { createDatabase, type ScratchDatabase } from './scratch.ts';

/** As it goes over the wire: BEGIN names a level that starts with the same letters. */
export const COMMIT = 'COMMIT\0';

/**
 * A database of the test file's own with two accounts of 100 and an empty table `done`, as before each
 * test; `open` gives a transaction manager on it, `sql` a connection beside.
 */
export function useTransactions(label: string) {
  let database: ScratchDatabase;
  let plain: ConnectionManager;

  beforeAll(async () => {
    database = await createDatabase(inject('endpoints'), label);
    plain = new ConnectionManager({ database: database.url, pool: { maxSize: 10 } });
    await sql('CREATE TABLE accounts (id int PRIMARY KEY, amount int NOT NULL)');
    await sql('CREATE TABLE done (id int PRIMARY KEY)');
  });
  beforeEach(async () => {
    await sql('TRUNCATE accounts, done');
    await sql('INSERT INTO accounts VALUES (1, 100), (2, 100)');
  });
  afterAll(async () => {
    await plain.close();
    await database.close();
  });

  async function sql<Row extends object>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    await using connection = await plain.getConnection();
    return (await connection.execute<Row>(text, values)).rows;
  }

  function open(config: TransactionManagerConfig & { readonly url?: string; readonly maxSize?: number } = {}) {
    const applicationName = `tx-${Math.random().toString(36).slice(2)}`;
    const connections = new ConnectionManager({
      database: config.url ?? database.url,
      pool: { maxSize: config.maxSize ?? 10, applicationName, acquireTimeout: 20_000 },
    });
    const events: TransactionEvent[] = [];
    const manager = new TransactionManager(connections, { ...config, onEvent: (event) => events.push(event) });
    const close = async () => {
      await manager.close();
      await connections.close();
    };
    return { manager, connections, events, applicationName, [Symbol.asyncDispose]: close };
  }

  return { sql, open, url: () => database.url };
}
