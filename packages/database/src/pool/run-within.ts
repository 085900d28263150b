import { AppError } from '@tradestream/runtime';
import { DatabaseError } from '../errors.ts';
import type { PoolSession } from '../session.ts';
import type { PoolMeter } from './pool-meter.ts';

const GRACE_MS_MIN = 20;
const GRACE_RATIO = 0.05;

/** What statements run on, and how long they may take. */
export type RunBounds = { readonly session: PoolSession; readonly meter: PoolMeter; readonly timeoutMs: number };

/**
 * Runs and meters work of so many statements; when no answer comes by the deadline the connection is given
 * up, the server told to cancel. Where the server itself has the same timeout it answers first, for which it
 * has a twentieth more.
 * @throws {DatabaseError} DB_STATEMENT_TIMEOUT; or as the work does
 */
export async function runWithin<T>(
  { session, meter, timeoutMs }: RunBounds,
  count: number,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    session.destroy(new Error(`no answer within ${timeoutMs} ms`));
  }, timeoutMs + graceMs(timeoutMs));
  meter.queriesActive += count;
  try {
    const answer = await work();
    meter.queriesCompleted += count;
    return answer;
  } catch (error) {
    meter.queriesFailed += count;
    if (!expired) throw error;
    const elapsedMs = Math.round(performance.now() - startedMs);
    const cause = error instanceof AppError ? error : undefined;
    throw new DatabaseError('DB_STATEMENT_TIMEOUT', { cause, context: { timeoutMs, elapsedMs } });
  } finally {
    clearTimeout(timer);
    meter.queriesActive -= count;
    meter.queries.observe(performance.now() - startedMs);
  }
}

/** What the server has beyond its own timeout to say that it is over. */
function graceMs(timeoutMs: number): number {
  return Math.max(GRACE_MS_MIN, timeoutMs * GRACE_RATIO);
}
