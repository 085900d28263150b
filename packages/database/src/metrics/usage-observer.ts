import type { DatabaseError } from '../errors.ts';

/** Told of what happens to whoever uses the database. Must not throw. */
export interface UsageObserver {
  /** Each error once, where it arises. */
  failed(error: DatabaseError): void;
  /** A statement was answered, an error included, after so long, milliseconds. */
  answered(ms: number): void;
  /** A caller has a connection, after so long, milliseconds. */
  waited(ms: number): void;
}
