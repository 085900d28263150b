import type { Rows, Statement } from '../session.ts';
import { type RunBounds, runWithin } from './run-within.ts';

const BEGIN = { text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' } as const;
const END = { text: 'ROLLBACK' } as const;

/**
 * Statements on one snapshot, sent behind one another: one round trip.
 * @throws {DatabaseError} of the first statement that failed; DB_STATEMENT_TIMEOUT, DB_CONNECTION_LOST
 */
export async function runFlight(
  options: RunBounds & { readonly statements: readonly Statement[] },
): Promise<readonly Rows<object>[]> {
  const { session, statements } = options;
  return await runWithin(options, statements.length, async () => {
    const sent = [BEGIN, ...statements, END].map((statement) => session.query<object>(statement));
    const answers = await Promise.allSettled(sent);
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])).slice(1, -1);
  });
}
