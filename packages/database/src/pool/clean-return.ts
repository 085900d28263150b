import { errorOf, waitFor } from '@tradestream/runtime';
import type { PoolSession } from '../session.ts';

const CLEAN_MS = 2_000;
const NO_TRANSACTION = '25P01';

/** How a connection came back. What is `broken` cannot be lent again. */
export type Return =
  | { readonly kind: 'clean' }
  | { readonly kind: 'rolled back' }
  | { readonly kind: 'lost' | 'broken'; readonly error: Error };

const CLEAN: Return = { kind: 'clean' };

/** As nearly all come back: nothing has to be waited for. */
export function isClean(session: PoolSession): boolean {
  return !session.closed.aborted && session.outstanding === 0 && session.transactionStatus === 'idle';
}

/** Brings a connection into the state in which it may be lent: outside of a transaction, nothing outstanding. */
export async function cleanReturn(session: PoolSession): Promise<Return> {
  if (session.closed.aborted) return { kind: 'lost', error: new Error('the connection was lost') };
  if (session.outstanding > 0) return { kind: 'broken', error: new Error('it came back with answers outstanding') };
  if (session.transactionStatus === 'idle') return CLEAN;
  session.takeNotices();
  try {
    await waitFor(session.query({ text: 'ROLLBACK' }), { timeoutMs: CLEAN_MS, stage: 'roll back what was left open' });
  } catch (error) {
    return { kind: 'broken', error: errorOf(error) };
  }
  // An error can overtake the word that it ended the transaction: then there was none open.
  return { kind: session.takeNotices().includes(NO_TRANSACTION) ? 'clean' : 'rolled back' };
}
