import { sleep } from '@tradestream/runtime';
import type { Connection } from '../connection.ts';
import { DatabaseError } from '../errors.ts';
import { quoteIdentifier } from '../query/identifiers.ts';
import type { IndexProgress, IndexSettings } from './index-settings.ts';

/** Locks that were not free in time, and deadlocks with what held them: the same may work a little later. */
const PASSING: ReadonlySet<string> = new Set(['55P03', '40P01']);
const PAUSE_MS = 200;
const PROGRESS_MS = 250;
const GRACE_MS = 5_000;

const PROGRESS = `SELECT phase, blocks_done::float8 AS "blocksDone", blocks_total::float8 AS "blocksTotal",
    tuples_done::float8 AS "tuplesDone", tuples_total::float8 AS "tuplesTotal"
  FROM pg_stat_progress_create_index WHERE pid = $1`;

export type Place = { readonly schema: string; readonly table: string; readonly index: string };

/**
 * Builds an index beside the traffic. Each attempt waits `lockTimeout` for a lock; what an attempt, or anyone
 * before, has left behind is removed first and, as far as locks allow, at once. One builder at a time.
 */
export async function buildIndex(settings: IndexSettings, place: Place, sql: string): Promise<void> {
  const timeoutMs = settings.statementTimeout + GRACE_MS;
  await again(settings, () =>
    withTimeouts(settings, async (connection) => {
      await asOnlyBuilder(connection, place, async () => {
        await removeLeftover(connection, place, timeoutMs);
        const watch = watchProgress(settings, place, connection.backendPid);
        try {
          await connection.execute(sql, [], { timeoutMs });
        } catch (error) {
          // Whoever keeps it from being built may keep it from being removed: the next attempt, or call, does it.
          if (!connection.closed.aborted) await removeLeftover(connection, place, timeoutMs).catch(ignorePassing);
          throw error;
        } finally {
          await watch.end();
        }
      });
    }),
  );
}

/** A lock of the session, which nobody waits for: one who waits would himself be waited for by the build. */
async function asOnlyBuilder(connection: Connection, place: Place, work: () => Promise<void>): Promise<void> {
  const key = `index ${pathOf(place.schema, place.index)}`;
  const { rows } = await connection.execute<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
    [key],
  );
  if (rows[0]?.locked !== true) {
    throw new DatabaseError('DB_INDEX_REFUSED', { detail: `${place.index} is being built by another` });
  }
  try {
    await work();
  } finally {
    if (!connection.closed.aborted) {
      await connection.execute('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [key]);
    }
  }
}

/** An index that an ended build left invalid; one that is valid stays. */
async function removeLeftover(connection: Connection, { schema, index }: Place, timeoutMs: number): Promise<void> {
  const { rows } = await connection.execute<{ building: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = i.indexrelid) AS building
      FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname = $1 AND relname = $2 AND NOT (indisvalid AND indisready)`,
    [schema, index],
  );
  const [leftover] = rows;
  if (leftover === undefined) return;
  if (leftover.building) throw new DatabaseError('DB_INDEX_REFUSED', { detail: `${index} is being built by another` });
  await connection.execute(`DROP INDEX CONCURRENTLY IF EXISTS ${pathOf(schema, index)}`, [], { timeoutMs });
}

function ignorePassing(error: unknown): void {
  if (!(error instanceof DatabaseError && PASSING.has(error.code))) throw error;
}

/** Runs one statement outside of a transaction, again while locks are not free. */
export async function runAgain(settings: IndexSettings, sql: string): Promise<void> {
  await again(settings, () =>
    withTimeouts(settings, async (connection) => {
      await connection.execute(sql, [], { timeoutMs: settings.statementTimeout + GRACE_MS });
    }),
  );
}

export function pathOf(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

async function again(settings: IndexSettings, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const isPassing = error instanceof DatabaseError && PASSING.has(error.code);
      if (!isPassing || attempt >= settings.attempts) throw error;
      await sleep(PAUSE_MS * attempt);
    }
  }
}

/** The session's timeouts are its own again before another caller has it. */
async function withTimeouts(settings: IndexSettings, work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await settings.database.getConnection();
  try {
    await connection.execute(`SET lock_timeout = ${settings.lockTimeout}`);
    await connection.execute(`SET statement_timeout = ${settings.statementTimeout}`);
    try {
      await work(connection);
    } finally {
      if (!connection.closed.aborted) {
        await connection.execute('RESET lock_timeout');
        await connection.execute('RESET statement_timeout');
      }
    }
  } finally {
    await connection.release();
  }
}

/** Asks on another connection how far the build is; what goes wrong with that does not touch the build. */
function watchProgress(settings: IndexSettings, place: Place, pid: number): { readonly end: () => Promise<void> } {
  const { onProgress, database } = settings;
  if (onProgress === undefined) return { end: () => Promise.resolve() };
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      try {
        const { rows } = await database.query<Omit<IndexProgress, 'table' | 'index'>>(PROGRESS, [pid], {
          readPreference: 'primary',
        });
        const [progress] = rows;
        if (progress !== undefined) onProgress({ table: place.table, index: place.index, ...progress });
      } catch {
        // The next look may do better.
      }
      await sleep(PROGRESS_MS, ended.signal).catch(() => undefined);
    }
  })();
  return {
    end: async () => {
      ended.abort();
      await watching;
    },
  };
}
