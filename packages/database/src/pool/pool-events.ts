import type { DatabaseError } from '../errors.ts';
import type { CloseReason } from './pool-meter.ts';

/** What happened in a pool that an operator may want to know. Stacks are the borrower's. */
export type PoolEvent =
  | { readonly type: 'opened'; readonly node: string; readonly backendPid: number }
  | { readonly type: 'closed'; readonly node: string; readonly backendPid: number; readonly reason: CloseReason }
  | { readonly type: 'connect-failed'; readonly node: string; readonly error: DatabaseError }
  | {
      /** A connection is out for longer than `leakDetectionThreshold`; said once for each time it is lent. */
      readonly type: 'leak';
      readonly node: string;
      readonly backendPid: number;
      readonly heldMs: number;
      readonly stack: string;
      /** Its last statement, without values. */
      readonly statement: string;
    }
  | {
      /** A connection came back with a transaction open, which was rolled back, or with answers outstanding. */
      readonly type: 'dirty-return';
      readonly node: string;
      readonly backendPid: number;
      readonly stack: string;
      readonly statement: string;
    };

export type PoolListener = (event: PoolEvent) => void;
