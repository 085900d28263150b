import { DatabaseError, type Session } from '@tradestream/database';
import type { EventEnvelope, EventType } from '@tradestream/trading';
import { ProjectorError } from '../errors.ts';
import type { EventReader } from '../event-reader.ts';

/** Where the events are read from, and which of them are wanted. */
export type LedgerSource = {
  readonly session: Session;
  readonly reader: EventReader;
  readonly types: readonly EventType[];
  /** Only events whose bytes contain this text; null: all. */
  readonly trace: string | null;
  readonly signal: AbortSignal;
};

/** Events of one partition; both ends are sequences, the first is exclusive. */
export type LedgerRange = { readonly partition: number; readonly afterSeq: number; readonly upToSeq: number };

/** Wanted events of a stretch of the ledger without a gap, and where it ends. */
export type LedgerPage = {
  readonly events: readonly EventEnvelope[];
  readonly seq: number;
  readonly timeline: number;
};

type Row = {
  readonly seq: number;
  readonly timeline: number;
  readonly schema_id: number;
  readonly payload: Buffer | null;
};

/** A page is decoded in one go, while the live projections of this process wait: some tens of milliseconds. */
const PAGE_EVENTS = 2_000;
const UNREADABLE: ReadonlySet<string> = new Set(['42P01', '3F000', '42501']);

/**
 * A partition's events in their order, page by page; the next page is under way while one is used. Of
 * events that are not wanted only the place is read.
 * @throws {ProjectorError} LEDGER_INCOMPLETE; {DatabaseError}; {ContractError} REGISTRY_UNAVAILABLE
 */
export async function* readLedger(source: LedgerSource, range: LedgerRange): AsyncIterable<LedgerPage> {
  const { partition, upToSeq } = range;
  let { afterSeq } = range;
  let next: Promise<readonly Row[]> | null = null;
  while (afterSeq < upToSeq) {
    source.signal.throwIfAborted();
    const rows: readonly Row[] = await (next ?? loadPage(source, { ...range, afterSeq }));
    const last = rows.at(-1);
    if (last === undefined || last.seq !== afterSeq + rows.length) {
      throw new ProjectorError('LEDGER_INCOMPLETE', { context: { partition, afterSeq, upToSeq } });
    }
    next = last.seq < upToSeq ? loadPage(source, { ...range, afterSeq: last.seq }) : null;
    next?.catch(() => undefined); // awaited in the next turn, if there is one
    yield { events: await eventsOf(source.reader, rows, partition), seq: last.seq, timeline: last.timeline };
    afterSeq = last.seq;
  }
}

async function loadPage(source: LedgerSource, { partition, afterSeq, upToSeq }: LedgerRange): Promise<readonly Row[]> {
  const { session, types, trace } = source;
  try {
    const { rows } = await session.query<Row>({
      name: 'load_page',
      text: `SELECT seq::float8 AS seq, timeline, schema_id,
                    CASE WHEN type = ANY ($4::text[]) AND ($5::bytea IS NULL OR position($5 IN payload) > 0) THEN payload END
                      AS payload
             FROM ledger.events WHERE partition = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT ${PAGE_EVENTS}`,
      values: [partition, afterSeq, upToSeq, types, trace === null ? null : Buffer.from(trace)],
    });
    return rows;
  } catch (error) {
    throw unreadable(error);
  }
}

async function eventsOf(reader: EventReader, rows: readonly Row[], partition: number): Promise<EventEnvelope[]> {
  const events: EventEnvelope[] = [];
  let known: number | null = null;
  for (const { schema_id: schemaId, payload } of rows) {
    if (payload === null) continue;
    if (schemaId !== known && !(await reader.learn(schemaId))) {
      throw new ProjectorError('SCHEMA_UNKNOWN', { context: { schemaId } });
    }
    known = schemaId;
    events.push(reader.readPayload(schemaId, payload, partition));
  }
  return events;
}

/** What reading the ledger failed with; where it is not there, or not to be read, that is said. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || !UNREADABLE.has(error.code)) return error;
  return new ProjectorError('LEDGER_INCOMPLETE', { cause: error, detail: error.message });
}
