import { deadLetterHeaders } from '@tradestream/contracts';
import { arrays, type Session } from '@tradestream/database';
import { MessagingError, type OutgoingRecord, type Producer } from '@tradestream/messaging';
import type { Logger } from '@tradestream/runtime';
import { headersOf } from '../release/parked-rows.ts';

type ParkedRow = {
  id: string;
  topic: string;
  partition: number;
  place: string;
  record_time: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: [string, string][];
  reason: string;
  message: string;
};

export type CopyOptions = {
  readonly session: Session;
  readonly producer: Producer;
  readonly commandsTopic: string;
  readonly deadLettersTopic: string;
  readonly partitions: readonly number[];
  readonly log: Logger;
  readonly signal: AbortSignal;
};

const COPIES_MAX = 200;

/**
 * Publishes copies of what was parked and has none yet, oldest first; resolves with whether more may
 * wait. A copy may come twice, when its mark was lost: the place in its headers tells.
 */
export async function copyDeadLetters(options: CopyOptions): Promise<boolean> {
  const { session, commandsTopic, partitions } = options;
  const { rows } = await session.query<ParkedRow>({
    text: `SELECT id::text, topic, partition, "offset"::text AS place, (extract(epoch FROM record_time) * 1000)::bigint::text AS record_time,
                  key, value, headers, reason, message
           FROM ledger.parked WHERE copied_at IS NULL AND topic = $1 AND partition = ANY ($2::int[])
           ORDER BY parked.partition, parked."offset" LIMIT ${COPIES_MAX}`,
    values: [commandsTopic, arrays.int4([...partitions])],
  });
  if (rows.length === 0) return false;
  await publish(options, rows);
  await session.query({
    text: 'UPDATE ledger.parked SET copied_at = now() WHERE id = ANY ($1::bigint[])',
    values: [arrays.int8(rows.map((row) => Number(row.id)))],
  });
  return rows.length === COPIES_MAX;
}

/** What the broker refuses, being too large with the headers that a copy has more, goes without its value. */
async function publish(options: CopyOptions, rows: readonly ParkedRow[]): Promise<void> {
  const { producer, deadLettersTopic, signal, log } = options;
  try {
    await producer.send(deadLettersTopic, rows.map(deadLetterOf), { signal });
  } catch (error) {
    if (!(error instanceof MessagingError) || error.code !== 'MSG_REFUSED') throw error;
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) {
      if (only.value === null) throw error;
      log.error({ error, partition: only.partition, offset: only.place }, 'dead_letter_without_value');
      const message = `${only.message} (the value of ${only.value.length} bytes is in ledger.parked alone)`;
      return await publish(options, [{ ...only, value: null, message }]);
    }
    for (const row of rows) await publish(options, [row]);
  }
}

function deadLetterOf(row: ParkedRow): OutgoingRecord {
  return {
    key: row.key,
    value: row.value,
    headers: deadLetterHeaders({
      headers: headersOf(row.headers),
      topic: row.topic,
      partition: row.partition,
      offset: Number(row.place),
      timestampMs: Number(row.record_time),
      reason: row.reason,
      message: row.message,
    }),
  };
}
