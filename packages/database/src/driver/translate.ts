import { AppError } from '@tradestream/runtime';
import { DatabaseError as ServerError } from 'pg';
import { DatabaseError } from '../errors.ts';

/** Classes whose message quotes the value that was refused. */
const ROW_VALUES: ReadonlySet<string> = new Set(['22']);
/** Deadlock, serialization, lock timeout. */
const CONTENTION: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

/**
 * The typed error of what the driver threw. The server's `detail` holds row values and is left out,
 * but for contention, where it names processes and locks alone.
 */
export function translate(error: Error, connectionLost: boolean): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ServerError && error.code !== undefined) {
    const { table, constraint, schema } = error;
    const context = Object.fromEntries(
      Object.entries({ schema, table, constraint }).filter(([, value]) => value !== undefined),
    );
    const detail = ROW_VALUES.has(error.code.slice(0, 2)) ? undefined : error.message;
    return new DatabaseError(error.code, {
      context,
      ...(detail === undefined ? {} : { detail }),
      ...(CONTENTION.has(error.code) ? { lockDetail: error.detail ?? '', lockContext: error.where ?? '' } : {}),
    });
  }
  return new DatabaseError(connectionLost ? 'DB_CONNECTION_LOST' : 'DB_STATEMENT_INVALID', { cause: error });
}
