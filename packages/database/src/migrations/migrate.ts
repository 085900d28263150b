import { retry } from '@tradestream/runtime';
import { openSession } from '../driver/open-session.ts';
import { DatabaseError } from '../errors.ts';
import type { Session } from '../session.ts';
import { choosePending, loadMigrations, type MigrationFile, type RanMigration } from './migration-files.ts';

export type MigrateOptions = {
  /** As a role that owns the database. */
  readonly url: string;
  /** Folder of `NNNN_name.sql` files, forward only. */
  readonly folder: string;
  /** Schema in which it is noted which files ran; made when it is absent. */
  readonly schema: string;
  /** Told of the files that ran. */
  readonly log: { info(fields: object, event: string): void };
  readonly signal?: AbortSignal;
};

const CONNECT_TIMEOUT_MS = 10_000;
/** Longest wait for the other process that migrates, and for each lock that a file needs. */
const LOCK_TIMEOUT_MS = 5_000;
/** Two that migrate at once take turns; a migration is short. */
const TURN = { initialMs: 100, maxMs: 1_000, deadlineMs: 60_000 } as const;
const SCHEMA = /^[a-z][a-z_]{0,62}$/;

/**
 * Runs the files that did not run yet, in order, all or none of them, and returns their names. Several
 * processes may call it at once: they take turns, and the later ones find nothing to do. An abort ends
 * it between two attempts.
 * @throws {DatabaseError} DB_MIGRATION_REFUSED when a file that ran was changed or is missing, or a new
 * one stands before it; DB_CONNECTION_FAILED; that of the statement that failed, its file named
 * @throws {RuntimeError} RT_RETRIES_SPENT, RT_ABORTED
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const { folder, schema, log, signal } = options;
  if (!SCHEMA.test(schema)) throw new TypeError(`${schema} is no plain name of a schema`);
  const files = await loadMigrations(folder);
  // Also after a COMMIT that was not answered: what it did is read before anything is done again.
  const ran = await retry(() => runPending(options, files), { classes: ['now', 'settle'], policy: TURN, signal });
  if (ran.length > 0) log.info({ schema, files: ran }, 'migrated');
  return ran;
}

async function runPending(options: MigrateOptions, files: readonly MigrationFile[]): Promise<readonly string[]> {
  const { url, schema, signal } = options;
  const session = await openSession({
    url,
    applicationName: 'tradestream-migrate',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: { lock_timeout: String(LOCK_TIMEOUT_MS) },
    signal,
  });
  try {
    await session.query({ text: 'BEGIN' });
    const pending = choosePending(files, await loadRan(session, schema));
    for (const file of pending) await runFile(session, schema, file);
    await session.commit();
    return pending.map((file) => file.name);
  } finally {
    await session.close(); // rolls back what was not committed
  }
}

/** Takes the turn of this schema until the transaction ends, then reads what ran. */
async function loadRan(session: Session, schema: string): Promise<readonly RanMigration[]> {
  await session.query({
    text: `SELECT pg_advisory_xact_lock(hashtextextended('tradestream migrate ' || $1, 0))`,
    values: [schema],
  });
  await session.query({ text: `CREATE SCHEMA IF NOT EXISTS ${schema}` });
  await session.query({
    text: `CREATE TABLE IF NOT EXISTS ${schema}.migrations (
      name text PRIMARY KEY,
      sha256 text NOT NULL,
      ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
  });
  const { rows } = await session.query<RanMigration>({
    text: `SELECT name, sha256 FROM ${schema}.migrations ORDER BY name COLLATE "C"`,
  });
  return rows;
}

async function runFile(session: Session, schema: string, file: MigrationFile): Promise<void> {
  try {
    await session.query({ text: file.sql });
    await session.query({
      text: `INSERT INTO ${schema}.migrations (name, sha256) VALUES ($1, $2)`,
      values: [file.name, file.sha256],
    });
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    throw new DatabaseError(error.code, { cause: error, context: { file: file.name }, detail: error.message });
  }
}
