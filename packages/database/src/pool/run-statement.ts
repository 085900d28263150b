import { AppError } from '@tradestream/runtime';
import { DatabaseError } from '../errors.ts';
import type { PoolSession, Rows, Statement } from '../session.ts';
import type { PoolMeter } from './pool-meter.ts';

const GRACE_MS_MIN = 20;
const GRACE_RATIO = 0.05;

/**
 * Runs a statement; when no answer comes by the deadline the connection is given up, the server told
 * to cancel. Where the server itself has the same timeout it answers first, for which it has a twentieth more.
 * @throws {DatabaseError} DB_STATEMENT_TIMEOUT; DB_COMMIT_NOT_DURABLE for a statement that is its own transaction
 * and was committed without a standby's word; or as the session does
 */
export async function runStatement<Row extends object>(options: {
  readonly session: PoolSession;
  readonly meter: PoolMeter;
  readonly statement: Statement;
  readonly timeoutMs: number;
}): Promise<Rows<Row>> {
  const { session, meter, statement, timeoutMs } = options;
  const startedMs = performance.now();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    session.destroy(new Error(`no answer within ${timeoutMs} ms`));
  }, timeoutMs + graceMs(timeoutMs));
  meter.queriesActive += 1;
  try {
    const rows = await session.query<Row>(statement);
    if (session.takeNotDurable()) throw new DatabaseError('DB_COMMIT_NOT_DURABLE');
    meter.queriesCompleted += 1;
    return rows;
  } catch (error) {
    meter.queriesFailed += 1;
    if (!expired) throw error;
    const elapsedMs = Math.round(performance.now() - startedMs);
    const cause = error instanceof AppError ? error : undefined;
    throw new DatabaseError('DB_STATEMENT_TIMEOUT', { cause, context: { timeoutMs, elapsedMs } });
  } finally {
    clearTimeout(timer);
    meter.queriesActive -= 1;
    meter.queries.observe(performance.now() - startedMs);
  }
}

/** What the server has beyond its own timeout to say that it is over. */
export function graceMs(timeoutMs: number): number {
  return Math.max(GRACE_MS_MIN, timeoutMs * GRACE_RATIO);
}
