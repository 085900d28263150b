import { DatabaseError } from '../errors.ts';
import type { Rows, Statement } from '../session.ts';
import { type RunBounds, runWithin } from './run-within.ts';

/**
 * Runs one statement.
 * @throws {DatabaseError} DB_STATEMENT_TIMEOUT; DB_COMMIT_NOT_DURABLE for a statement that is its own transaction
 * and was committed without a standby's word; or as the session does
 */
export async function runStatement<Row extends object>(
  options: RunBounds & { readonly statement: Statement },
): Promise<Rows<Row>> {
  const { session, statement } = options;
  return await runWithin(options, 1, async () => {
    const rows = await session.query<Row>(statement);
    if (session.takeNotDurable()) throw new DatabaseError('DB_COMMIT_NOT_DURABLE');
    return rows;
  });
}
