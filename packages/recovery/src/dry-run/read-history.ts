import { decodeEvent, parseWriterSchema, type WriterSchema } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import type { EventEnvelope } from '@tradestream/trading';
import { RecoveryError } from '../errors.ts';
import type { Cut } from './cut.ts';

export type HistoryEvent = EventEnvelope & { readonly index: number };

type EventRow = {
  readonly seq: number;
  readonly index: number;
  readonly schema_id: number;
  readonly payload: Buffer;
};

const PAGE_EVENTS = 2_000;
/** Of one partition at a time, so that many partitions need little memory. */
const FETCH_EVENTS = 500;

/**
 * The events behind one cut and up to another, in history order (batch, index), in pages. Each
 * partition is read by its sequence, in which batches go up: nothing is sorted, and as many events
 * are held as there are partitions, times a small page. No transaction is kept open.
 * @throws {RecoveryError} HISTORY_GAP @throws {DatabaseError} @throws {ContractError}
 */
export async function* readHistory(
  session: Session,
  { from, to }: { readonly from: Cut; readonly to: Cut },
): AsyncGenerator<readonly HistoryEvent[]> {
  const schemas = await loadSchemas(session);
  const sources = [...to].map(
    ([partition, last]) => new PartitionHistory(session, { partition, after: from.get(partition) ?? 0, last, schemas }),
  );
  let page: HistoryEvent[] = [];
  for (;;) {
    let first: { readonly source: PartitionHistory; readonly event: HistoryEvent } | null = null;
    for (const source of sources) {
      const event = source.head ?? (await source.load());
      if (event !== null && (first === null || isBefore(event, first.event))) first = { source, event };
    }
    if (first === null) break;
    page.push(first.event);
    first.source.advance();
    if (page.length < PAGE_EVENTS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** One partition's events, the next one in sight. */
class PartitionHistory {
  head: HistoryEvent | null = null;
  readonly #session: Session;
  readonly #partition: number;
  readonly #last: number;
  readonly #schemas: ReadonlyMap<number, WriterSchema>;
  #seq: number;
  #events: readonly HistoryEvent[] = [];
  #next = 0;

  constructor(
    session: Session,
    range: {
      readonly partition: number;
      readonly after: number;
      readonly last: number;
      readonly schemas: ReadonlyMap<number, WriterSchema>;
    },
  ) {
    this.#session = session;
    this.#partition = range.partition;
    this.#last = range.last;
    this.#schemas = range.schemas;
    this.#seq = range.after;
  }

  advance(): void {
    this.#next += 1;
    this.head = this.#events[this.#next] ?? null;
  }

  /** The next event from the ledger; null behind the last. */
  async load(): Promise<HistoryEvent | null> {
    if (this.#seq >= this.#last) return null;
    const partition = this.#partition;
    const { rows } = await this.#session.query<EventRow>({
      name: 'read_history',
      text: `SELECT seq::float8 AS seq, index, schema_id, payload FROM ledger.events
             WHERE partition = $1 AND seq > $2 AND seq <= $3 ORDER BY seq`,
      // Ends at a sequence: by a LIMIT all that is left might be sorted for each page.
      values: [partition, this.#seq, Math.min(this.#last, this.#seq + FETCH_EVENTS)],
    });
    const gap = rows.findIndex(({ seq }, at) => seq !== this.#seq + at + 1);
    if (rows.length === 0 || gap >= 0) {
      throw new RecoveryError('HISTORY_GAP', { context: { partition, seq: this.#seq + Math.max(gap, 0) + 1 } });
    }
    this.#seq += rows.length;
    this.#events = rows.map(({ payload, schema_id, index }) => ({
      ...decodeEvent(payload, this.#schemas.get(schema_id)),
      index,
    }));
    this.#next = 0;
    this.head = this.#events[0] ?? null;
    return this.head;
  }
}

async function loadSchemas(session: Session): Promise<ReadonlyMap<number, WriterSchema>> {
  const { rows } = await session.query<{ id: number; schema: string }>({
    text: 'SELECT id, schema FROM ledger.schemas',
  });
  return new Map(rows.map(({ id, schema }) => [id, parseWriterSchema(schema)]));
}

function isBefore(a: HistoryEvent, b: HistoryEvent): boolean {
  return a.batch < b.batch || (a.batch === b.batch && a.index < b.index);
}
