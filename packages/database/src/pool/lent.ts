import type { PoolSession } from '../session.ts';

/**
 * A connection of the pool. idle -> busy -> idle ..., or either -> gone; an idle one may be busy for
 * a moment with a sign of life. Only the pool changes `state`.
 */
export type Lent = {
  readonly session: PoolSession;
  readonly openedMs: number;
  /** The age at which it is replaced. */
  readonly lifetimeMs: number;
  state: 'idle' | 'busy' | 'gone';
  idleSinceMs: number;
  checkedMs: number;
  busySinceMs: number;
  /** Made where the connection was asked for; its stack is read only when it is needed. */
  borrower: Error | null;
  leakReported: boolean;
  statement: string;
  /** Its session has settings, locks or tables of its borrower: it is closed when it comes back. */
  altered: boolean;
};

const JITTER = 0.1;

export function newLent(session: PoolSession, maxLifetimeMs: number, nowMs: number): Lent {
  const lifetimeMs = maxLifetimeMs === 0 ? Infinity : maxLifetimeMs * (1 - JITTER + 2 * JITTER * Math.random());
  return {
    session,
    openedMs: nowMs,
    lifetimeMs,
    state: 'busy',
    idleSinceMs: nowMs,
    checkedMs: nowMs,
    busySinceMs: nowMs,
    borrower: null,
    leakReported: false,
    statement: '',
    altered: false,
  };
}

/** The borrower's stack without the lines of the pool itself. */
export function stackOf(lent: Lent): string {
  return lent.borrower?.stack?.split('\n').slice(1).join('\n') ?? '';
}
