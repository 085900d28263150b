import { DatabaseError } from '../errors.ts';
import type { PoolSession, Rows, Statement } from '../session.ts';
import type { PoolMeter } from './pool-meter.ts';
import { graceMs } from './run-statement.ts';

const BEGIN = { text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' } as const;
const END = { text: 'ROLLBACK' } as const;

/**
 * Statements on one snapshot, sent behind one another: one round trip. When no answer comes by the deadline the
 * connection is given up.
 * @throws {DatabaseError} of the first statement that failed; DB_STATEMENT_TIMEOUT, DB_CONNECTION_LOST
 */
export async function runFlight(options: {
  readonly session: PoolSession;
  readonly meter: PoolMeter;
  readonly statements: readonly Statement[];
  readonly timeoutMs: number;
}): Promise<readonly Rows<object>[]> {
  const { session, meter, statements, timeoutMs } = options;
  const startedMs = performance.now();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    session.destroy(new Error(`no answer within ${timeoutMs} ms`));
  }, timeoutMs + graceMs(timeoutMs));
  meter.queriesActive += statements.length;
  try {
    const sent = [BEGIN, ...statements, END].map((statement) => session.query<object>(statement));
    const answers = await Promise.allSettled(sent);
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    meter.queriesCompleted += statements.length;
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])).slice(1, -1);
  } catch (cause) {
    meter.queriesFailed += statements.length;
    if (!expired) throw cause;
    const elapsedMs = Math.round(performance.now() - startedMs);
    throw new DatabaseError('DB_STATEMENT_TIMEOUT', { cause, context: { timeoutMs, elapsedMs } });
  } finally {
    clearTimeout(timer);
    meter.queriesActive -= statements.length;
    meter.queries.observe(performance.now() - startedMs);
  }
}
