import { DatabaseError, type Session } from '@tradestream/database';
import type { EventEnvelope } from '@tradestream/trading';
import type { EventReader } from './event-reader.ts';

export type EventRange = {
  readonly partition: number;
  /** Exclusive. */
  readonly afterSeq: number;
  /** Exclusive. */
  readonly beforeSeq: number;
  readonly countMax: number;
};

/** The ledger is in another database, or this role may not read it. */
export const UNREADABLE: ReadonlySet<string> = new Set(['42P01', '3F000', '42501']);

/**
 * Events that the topic no longer holds, from the ledger: without a gap from the first on, and none
 * when the ledger cannot be read from here. What lies before a published event has been published.
 * @throws {DatabaseError} when the database does not answer; {ContractError} REGISTRY_UNAVAILABLE
 */
export async function loadLedgerEvents(
  session: Session,
  reader: EventReader,
  range: EventRange,
): Promise<readonly EventEnvelope[]> {
  const { partition, afterSeq, beforeSeq, countMax } = range;
  const rows = await loadRows(session, range);
  const events: EventEnvelope[] = [];
  for (const { schema_id: schemaId, payload } of rows) {
    if (!(await reader.learn(schemaId))) break;
    const event = reader.readPayload(schemaId, payload, { partition });
    if (event.seq !== afterSeq + events.length + 1 || event.seq >= beforeSeq || events.length >= countMax) break;
    events.push(event);
  }
  return events;
}

async function loadRows(
  session: Session,
  { partition, afterSeq, beforeSeq, countMax }: EventRange,
): Promise<readonly { readonly schema_id: number; readonly payload: Buffer }[]> {
  try {
    const { rows } = await session.query<{ schema_id: number; payload: Buffer }>({
      text: `SELECT schema_id, payload FROM ledger.events
             WHERE partition = $1 AND seq > $2 AND seq < $3 ORDER BY seq`,
      // Without a gap, so the count is a bound of the sequence: by a LIMIT all the others might be sorted first.
      values: [partition, afterSeq, Math.min(beforeSeq, afterSeq + countMax + 1)],
    });
    return rows;
  } catch (error) {
    if (error instanceof DatabaseError && UNREADABLE.has(error.code)) return [];
    throw error;
  }
}
