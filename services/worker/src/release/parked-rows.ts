import { arrays, type Session } from '@tradestream/database';
import type { LogRecord, RecordHeaders } from '@tradestream/messaging';

/** What an operator wants done with a parked record. */
export type Intent = {
  readonly id: number;
  readonly kind: 'redrive' | 'discard' | 'edit';
  /** The record's new value, as the log would carry it; for an edit only. */
  readonly editedValue: Buffer | null;
};

/** A record that was set aside, as the log had it, and the open intent that it has, if any. */
export type ParkedRow = {
  readonly id: number;
  readonly record: LogRecord;
  readonly reason: string;
  readonly message: string;
  /** Null for bytes that were no command. */
  readonly commandId: string | null;
  readonly blocksKey: boolean;
  readonly status: 'parked' | 'applied' | 'rejected' | 'discarded';
  /** Processes that began to release it and left it without an outcome. */
  readonly tries: number;
  readonly intent: Intent | null;
};

export type KeyPlace = { readonly partition: number; readonly key: Buffer };

/** What may be released now: records that have an intent, and the queues of their keys from the head on. */
export type ReleaseQueues = {
  /** Each once. */
  readonly rows: readonly ParkedRow[];
  readonly keys: readonly KeyPlace[];
  /** Where the queues were cut off; null when they are here to their ends. */
  readonly cut: { readonly offset: number; readonly partition: number } | null;
};

type StoredRow = {
  id: string;
  partition: number;
  place: string;
  record_time: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly (readonly [string, string])[];
  reason: string;
  message: string;
  command_id: string | null;
  blocks_key: boolean;
  status: ParkedRow['status'];
  tries: number;
  intent_id: string | null;
  kind: Intent['kind'] | null;
  edited_value: Buffer | null;
};

const RECORD = `k.id::text, k.partition, k."offset"::text AS place, (extract(epoch FROM k.record_time) * 1000)::bigint::text AS record_time,
  k.key, k.value, k.headers, k.reason, k.message, k.command_id::text, k.blocks_key, k.status, k.tries`;
const INTENT = 'i.id::text AS intent_id, i.kind, i.edited_value';

/** Whether an operator wants anything of these partitions. An empty index answers. */
export async function intentsWait(
  session: Session,
  { topic, partitions }: { readonly topic: string; readonly partitions: readonly number[] },
): Promise<boolean> {
  const { rows } = await session.query({
    name: 'intents_wait',
    text: `SELECT 1 FROM ledger.intents WHERE topic = $1 AND partition = ANY ($2::int[]) AND executed_at IS NULL LIMIT 1`,
    values: [topic, arrays.int4([...partitions])],
  });
  return rows.length > 0;
}

/**
 * Loads up to `countMax` open intents, and up to as many records of the queues that they or a
 * release under way are about, the lowest offsets first: of each queue a part from its head on.
 */
export async function loadQueues(
  session: Session,
  options: {
    readonly topic: string;
    readonly partitions: readonly number[];
    readonly releasing: readonly KeyPlace[];
    readonly countMax: number;
  },
): Promise<ReleaseQueues> {
  const { topic, partitions, releasing, countMax } = options;
  const wanted = await session.query<StoredRow>({
    name: 'load_intents',
    text: `SELECT ${RECORD}, ${INTENT}
           FROM (SELECT * FROM ledger.intents WHERE topic = $1 AND partition = ANY ($2::int[]) AND executed_at IS NULL
                 ORDER BY id LIMIT $3) AS i
           JOIN ledger.parked AS k ON k.id = i.parked_id ORDER BY i.id`,
    values: [topic, arrays.int4([...partitions]), countMax],
  });
  const keys = distinctKeys([
    ...releasing,
    ...wanted.rows.flatMap(({ partition, key }) => (key === null ? [] : [{ partition, key }])),
  ]);
  const queued = await loadOrdered(session, { topic, keys, countMax });
  const last = queued.at(-1);
  const rows = new Map([...wanted.rows, ...queued].map((row) => [row.id, row]));
  return {
    rows: [...rows.values()].map((row) => parkedRowOf(topic, row)),
    keys,
    cut:
      last === undefined || queued.length < countMax ? null : { offset: Number(last.place), partition: last.partition },
  };
}

async function loadOrdered(
  session: Session,
  options: { readonly topic: string; readonly keys: readonly KeyPlace[]; readonly countMax: number },
): Promise<readonly StoredRow[]> {
  const { topic, keys, countMax } = options;
  if (keys.length === 0) return [];
  const { rows } = await session.query<StoredRow>({
    name: 'load_queues',
    text: `SELECT ${RECORD}, ${INTENT}
           FROM (SELECT q.* FROM unnest($2::int[], $3::bytea[]) AS named (partition, key)
                 CROSS JOIN LATERAL (
                   SELECT * FROM ledger.parked AS p
                   WHERE p.topic = $1 AND p.partition = named.partition AND p.key = named.key AND p.blocks_key AND p.status = 'parked'
                   ORDER BY p."offset" LIMIT $4) AS q
                 ORDER BY q."offset", q.partition LIMIT $4) AS k
           LEFT JOIN ledger.intents AS i ON i.parked_id = k.id AND i.executed_at IS NULL
           ORDER BY k."offset", k.partition`,
    values: [
      topic,
      arrays.int4(keys.map(({ partition }) => partition)),
      arrays.bytea(keys.map(({ key }) => key)),
      countMax,
    ],
  });
  return rows;
}

/** Marks durably that these records are about to be released by this process. */
export async function markTries(session: Session, ids: readonly number[]): Promise<void> {
  await session.query({
    text: 'UPDATE ledger.parked SET tries = tries + 1 WHERE id = ANY ($1::bigint[])',
    values: [arrays.int8([...ids])],
  });
}

/** Headers as the log had them, from the pairs of name and base64 that are kept. */
export function headersOf(pairs: readonly (readonly [string, string])[]): RecordHeaders {
  const byName = Object.entries(Object.groupBy(pairs, ([name]) => name));
  return Object.fromEntries(
    byName.map(([name, values]) => [name, (values ?? []).map(([, value]) => Buffer.from(value, 'base64'))]),
  );
}

/** Tells keys of different partitions apart, whatever their bytes. */
export function queueName({ partition, key }: KeyPlace): string {
  return `${partition}/${key.toString('latin1')}`;
}

function distinctKeys(keys: readonly KeyPlace[]): readonly KeyPlace[] {
  return [...new Map(keys.map((each) => [queueName(each), each])).values()];
}

function parkedRowOf(topic: string, row: StoredRow): ParkedRow {
  return {
    id: Number(row.id),
    record: {
      topic,
      partition: row.partition,
      offset: Number(row.place),
      timestampMs: Number(row.record_time),
      key: row.key,
      value: row.value,
      headers: headersOf(row.headers),
    },
    reason: row.reason,
    message: row.message,
    commandId: row.command_id,
    blocksKey: row.blocks_key,
    status: row.status,
    tries: row.tries,
    intent:
      row.intent_id === null || row.kind === null
        ? null
        : { id: Number(row.intent_id), kind: row.kind, editedValue: row.edited_value },
  };
}
