import { openAbortableSession, type Session } from '@tradestream/database';

const CONNECT_TIMEOUT_MS = 10_000;
const SETTINGS = {
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '60s',
  lock_timeout: '10s',
  jit: 'off',
} as const;

/** A connection for one piece of long work, apart from those that answer or apply; the signal ends it. @throws {DatabaseError} */
export async function openRecoverySession(url: string, signal: AbortSignal): Promise<Session> {
  return await openAbortableSession({
    url,
    applicationName: 'tradestream-recovery',
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    settings: SETTINGS,
    signal,
  });
}

/** Runs work in a transaction: READ COMMITTED, or with one view of the database. */
export async function inTransaction<T>(
  session: Session,
  work: () => Promise<T>,
  { isolation = 'READ COMMITTED' }: { readonly isolation?: 'READ COMMITTED' | 'REPEATABLE READ' } = {},
): Promise<T> {
  await session.query({ text: `BEGIN ISOLATION LEVEL ${isolation}` });
  try {
    const done = await work();
    await session.commit();
    return done;
  } catch (error) {
    await session.query({ text: 'ROLLBACK' }).catch(() => undefined); // a broken session has rolled back
    throw error;
  }
}
