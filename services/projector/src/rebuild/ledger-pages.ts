import { DatabaseError, type Session } from '@tradestream/database';
import type { EventEnvelope } from '@tradestream/trading';
import { ProjectorError } from '../errors.ts';
import type { EventReader } from '../event-reader.ts';
import { UNREADABLE } from '../ledger-source.ts';
import type { View } from '../views/view.ts';

/** Where the events are read from, and for which view. */
export type LedgerSource = {
  readonly session: Session;
  readonly reader: EventReader;
  readonly view: Pick<View, 'reads' | 'values'>;
  /** Only events whose bytes contain this text; null: all. */
  readonly trace: string | null;
  readonly signal: AbortSignal;
};

/** Events of one partition; both ends are sequences, the first is exclusive. */
export type LedgerRange = { readonly partition: number; readonly afterSeq: number; readonly upToSeq: number };

/** Wanted events of a stretch of the ledger without a gap, and where it ends. */
export type LedgerPage = {
  /** Each is read from its bytes when it is asked for, once. */
  readonly events: Iterable<EventEnvelope>;
  readonly seq: number;
  readonly timeline: number;
};

/** A page as one row: a row for each event cost more than decoding it. */
type Row = {
  readonly count: number;
  readonly seq: number | null;
  readonly timeline: number | null;
  /** Of each wanted event its schema and its length, 32 bits each. */
  readonly heads: Buffer | null;
  /** The bytes of the wanted events, one behind the other. */
  readonly payloads: Buffer | null;
};

const NO_ROW: Row = { count: 0, seq: null, timeline: null, heads: null, payloads: null };

/** A page is decoded in one go, while the live projections of this process wait: some tens of milliseconds. */
const PAGE_EVENTS = 2_000;
const HEAD_BYTES = 8;

/**
 * A partition's events in their order, page by page; the next page is under way while one is used. Of
 * events that are not wanted only the place is read.
 * @throws {ProjectorError} LEDGER_INCOMPLETE; {DatabaseError}; {ContractError} REGISTRY_UNAVAILABLE
 */
export async function* readLedger(source: LedgerSource, range: LedgerRange): AsyncIterable<LedgerPage> {
  const { partition, upToSeq } = range;
  let { afterSeq } = range;
  let next: Promise<Row> | null = null;
  while (afterSeq < upToSeq) {
    source.signal.throwIfAborted();
    const page: Row = await (next ?? loadPage(source, { ...range, afterSeq }));
    const { seq, timeline, count } = page;
    if (seq === null || timeline === null || seq !== afterSeq + count) {
      throw new ProjectorError('LEDGER_INCOMPLETE', { context: { partition, afterSeq, upToSeq } });
    }
    next = seq < upToSeq ? loadPage(source, { ...range, afterSeq: seq }) : null;
    next?.catch(() => undefined); // awaited in the next turn, if there is one
    await learnSchemas(source, page);
    yield { events: eventsOf(source, page, partition), seq, timeline };
    afterSeq = seq;
  }
}

/**
 * The page ends at a sequence: with a LIMIT instead, the plan of a prepared statement may read and sort all
 * that is left of the partition for each page. Timelines never fall along the sequence: the highest of a
 * page is that of its last event.
 */
async function loadPage(source: LedgerSource, { partition, afterSeq, upToSeq }: LedgerRange): Promise<Row> {
  const { session, view, trace } = source;
  try {
    const { rows } = await session.query<Row>({
      name: 'load_page',
      text: `SELECT count(*)::int AS count, max(seq)::float8 AS seq, max(timeline) AS timeline,
                    string_agg(int4send(schema_id) || int4send(octet_length(payload)), '') FILTER (WHERE wanted) AS heads,
                    string_agg(payload, '') FILTER (WHERE wanted) AS payloads
             FROM (SELECT seq, timeline, schema_id, payload,
                          type = ANY ($4::text[]) AND ($5::bytea IS NULL OR position($5 IN payload) > 0) AS wanted
                   FROM ledger.events WHERE partition = $1 AND seq > $2 AND seq <= $3 ORDER BY seq) AS page`,
      values: [
        partition,
        afterSeq,
        Math.min(afterSeq + PAGE_EVENTS, upToSeq),
        view.reads,
        trace === null ? null : Buffer.from(trace),
      ],
    });
    return rows[0] ?? NO_ROW;
  } catch (error) {
    throw unreadable(error);
  }
}

async function learnSchemas({ reader }: LedgerSource, { heads }: Row): Promise<void> {
  const asked = new Set<number>();
  for (let at = 0; at < (heads?.length ?? 0); at += HEAD_BYTES) asked.add(heads?.readInt32BE(at) ?? 0);
  for (const schemaId of asked) {
    if (!(await reader.learn(schemaId))) throw new ProjectorError('SCHEMA_UNKNOWN', { context: { schemaId } });
  }
}

/** One at a time: thousands of events that wait to be folded are what the garbage collector would copy. */
function* eventsOf({ reader, view }: LedgerSource, { heads, payloads }: Row, partition: number) {
  if (heads === null || payloads === null) return;
  let end = 0;
  for (let at = 0; at < heads.length; at += HEAD_BYTES) {
    const start = end;
    end += heads.readInt32BE(at + HEAD_BYTES / 2);
    const payload = payloads.subarray(start, end);
    yield reader.readPayload(heads.readInt32BE(at), payload, { partition, values: view.values });
  }
}

/** What reading the ledger failed with; where it is not there, or not to be read, that is said. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || !UNREADABLE.has(error.code)) return error;
  return new ProjectorError('LEDGER_INCOMPLETE', { cause: error, detail: error.message });
}
