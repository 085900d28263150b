import { DatabaseError } from '../errors.ts';

/** A query that cannot be built: a defect of the program that builds it. `detail` shows no value. */
export function invalidQuery(detail: string): DatabaseError {
  return new DatabaseError('DB_QUERY_INVALID', { detail });
}
