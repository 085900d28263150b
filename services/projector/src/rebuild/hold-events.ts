import type { Session } from '@tradestream/database';
import { ProjectorError } from '../errors.ts';
import { unreadable } from './ledger-pages.ts';

/**
 * No event leaves the ledger while this session is open. Where it cannot be read, whoever reads it says so.
 * @throws {DatabaseError} when the server does not answer
 */
export async function holdEvents(ledger: Session): Promise<void> {
  try {
    await ledger.query({ text: 'SELECT ledger.hold_events()' });
  } catch (error) {
    if (!(unreadable(error) instanceof ProjectorError)) throw error;
  }
}
