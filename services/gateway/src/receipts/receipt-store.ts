import { encodeToken } from '@tradestream/contracts';
import type { Statement } from '@tradestream/database';
import { PROJECTIONS } from '../reads/views.ts';

export type EventPlace = { readonly partition: number; readonly seq: number };

export type StoredReceipt = {
  readonly commandId: string;
  /** Of what was sent and, if an operator edited it, of what was decided in its place. */
  readonly payloadHashes: readonly Buffer[];
  readonly events: readonly EventPlace[];
  /** Makes every later read show the command. */
  readonly token: string;
  /** The receipt as it is answered. */
  readonly answer: Readonly<Record<string, unknown>>;
};

/** One statement on the primary. */
export type PrimaryQuery = <Row extends object>(statement: Statement) => Promise<readonly Row[]>;

type ReceiptRow = {
  readonly command_id: string;
  readonly outcome: 'applied' | 'rejected' | 'parked' | 'discarded';
  readonly reason: string | null;
  readonly partition: number;
  readonly record_offset: string;
  readonly batch: string;
  readonly index: number;
  readonly seq: string | null;
  readonly payload_hash: Buffer;
  readonly edited_hash: Buffer | null;
  readonly event_type: string | null;
  readonly conflicts: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[] | null;
  readonly lsn: string;
  readonly timeline: number;
  readonly system_id: string;
};

/**
 * Receipts with their events' types and the conflicts recorded against them. The LSN is read while
 * the statement runs: after its snapshot, so after the commit record of every receipt it sees.
 */
const RECEIPTS = `
  SELECT r.command_id::text, r.outcome::text, r.reason, r.partition, r."offset"::text AS record_offset,
    r.batch::text, r.index, r.seq::text, r.payload_hash, x.edited_hash, e.type AS event_type, c.conflicts,
    pg_current_wal_insert_lsn()::text AS lsn,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer AS timeline,
    (SELECT system_identifier::text FROM pg_control_system()) AS system_id
  FROM unnest($1::uuid[]) AS wanted (command_id)
  JOIN ledger.every_receipt AS r ON r.command_id = wanted.command_id
  LEFT JOIN ledger.every_event AS e ON e.partition = r.partition AND e.seq = r.seq
  LEFT JOIN ledger.edits AS x ON x.command_id = wanted.command_id
  LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('topic', topic, 'partition', partition, 'offset', "offset")
      ORDER BY topic, partition, "offset") AS conflicts
    FROM ledger.conflicts WHERE command_id = wanted.command_id
  ) AS c ON true`;

/** The lowest sequence that all projections have, by partition; one that has not begun has none. */
const PROJECTED = `
  SELECT partition, min(seq)::text AS seq FROM views.positions WHERE projection = ANY ($1::text[])
  GROUP BY partition HAVING count(*) = cardinality($1::text[])`;

/** Reads receipts and positions on the primary. */
export class ReceiptStore {
  readonly #query: PrimaryQuery;
  readonly #topic: string;

  constructor(query: PrimaryQuery, topic: string) {
    this.#query = query;
    this.#topic = topic;
  }

  async loadReceipts(commandIds: readonly string[]): Promise<ReadonlyMap<string, StoredReceipt>> {
    const statement = { name: 'gateway_receipts', text: RECEIPTS, values: [commandIds] };
    const rows = await this.#query<ReceiptRow>(statement);
    return new Map(rows.map((row) => [row.command_id, storedReceipt(row, this.#topic)]));
  }

  async loadReceipt(commandId: string): Promise<StoredReceipt | null> {
    return (await this.loadReceipts([commandId])).get(commandId) ?? null;
  }

  async loadProjectedSeqs(): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#query<{ partition: number; seq: string }>({
      name: 'gateway_projected',
      text: PROJECTED,
      values: [PROJECTIONS],
    });
    return new Map(rows.map((row) => [row.partition, Number(row.seq)]));
  }
}

function storedReceipt(row: ReceiptRow, topic: string): StoredReceipt {
  const { partition } = row;
  const events = row.seq === null ? [] : [{ partition, seq: Number(row.seq), type: row.event_type }];
  const seqs = Object.fromEntries(events.map((event) => [event.partition, event.seq]));
  const token = encodeToken({ seqs, systemId: row.system_id, timeline: row.timeline, lsn: row.lsn });
  return {
    commandId: row.command_id,
    payloadHashes: row.edited_hash === null ? [row.payload_hash] : [row.payload_hash, row.edited_hash],
    events,
    token,
    answer: {
      commandId: row.command_id,
      outcome: row.outcome,
      ...(row.reason === null ? {} : { reason: row.reason }),
      topic,
      partition,
      offset: Number(row.record_offset),
      batch: Number(row.batch),
      index: row.index,
      events,
      conflicts: row.conflicts ?? [],
      token,
    },
  };
}
