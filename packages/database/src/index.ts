export { amountFromNumeric } from './binary/amount-from-numeric.ts';
export { arrays } from './binary/arrays.ts';
export { openSession, type SessionOptions } from './driver/open-session.ts';
export {
  DATABASE_ERROR_TABLE,
  DATABASE_ERRORS,
  DatabaseError,
  type DatabaseErrorCode,
  DatabaseErrorType,
} from './errors.ts';
export { type MigrateOptions, migrate } from './migrations/migrate.ts';
export type { Rows, Session, Statement } from './session.ts';
