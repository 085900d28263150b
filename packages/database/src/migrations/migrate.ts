import { errorOf, type Logger, retry } from '@tradestream/runtime';
import { runner } from 'node-pg-migrate';
import { openSession } from '../driver/open-session.ts';
import { DatabaseError } from '../errors.ts';

export type MigrateOptions = {
  /** As a role that owns the database. */
  readonly url: string;
  /** Folder of `NNNN_name.sql` files, forward only. */
  readonly folder: string;
  /** Schema in which it is noted which files ran. */
  readonly schema: string;
  readonly log: Logger;
  readonly signal?: AbortSignal;
};

const CONNECT_TIMEOUT_MS = 10_000;
/** Two that migrate at once take turns; a migration is short. */
const TURN = { initialMs: 100, maxMs: 1_000, deadlineMs: 60_000 } as const;

/**
 * Runs the files that did not run yet, in order, all or none of them. Several processes may call it at once: they take turns.
 * @throws {DatabaseError} of the statement that failed; DB_CONNECTION_FAILED
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const { url, folder, schema, log, signal } = options;
  const session = await openSession({
    url,
    applicationName: 'tradestream-migrate',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    signal,
  });
  await session.close(); // says in our own terms when the server cannot be reached
  const ran = await retry(() => runFiles({ url, folder, schema, log }), {
    classes: ['now', 'later'],
    policy: TURN,
    signal,
  });
  if (ran.length > 0) log.info({ schema, files: ran }, 'migrated');
  return ran;
}

async function runFiles(
  options: Pick<MigrateOptions, 'url' | 'folder' | 'schema' | 'log'>,
): Promise<readonly string[]> {
  const { url, folder, schema, log } = options;
  try {
    const ran = await runner({
      databaseUrl: { connectionString: url, application_name: 'tradestream-migrate', lock_timeout: 5_000 },
      dir: folder,
      direction: 'up',
      migrationsTable: 'migrations',
      migrationsSchema: schema,
      createMigrationsSchema: true,
      singleTransaction: true,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        warn: (text: string) => log.warn({ text }, 'migration_notice'),
        error: (text: string) => log.debug({ text }, 'migration_error'),
      },
    });
    return ran.map((file) => file.name);
  } catch (thrown) {
    const error = errorOf(thrown);
    const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
    if (code !== null && /^[0-9A-Z]{5}$/.test(code))
      throw new DatabaseError(code, { cause: error, detail: error.message });
    // Its advisory lock is tried, not waited for: another process migrates now.
    throw new DatabaseError('DB_MIGRATION_BUSY', { cause: error, detail: error.message });
  }
}
