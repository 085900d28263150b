import type { DeadLetterAnswer, DeadLetterDetailAnswer } from '@tradestream/answers';
import { invariant } from '@tradestream/runtime';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { conditionOf, type DeadLetterFilter } from './dead-letter-filter.ts';

export const DEAD_LETTER_STATUSES = ['parked', 'applied', 'rejected', 'discarded'] as const;
export type DeadLetterStatus = (typeof DEAD_LETTER_STATUSES)[number];

export type DeadLetterRow = {
  readonly id: string;
  readonly commandId: string | null;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly reason: string;
  readonly message: string;
  readonly status: DeadLetterStatus;
  readonly parkedAt: Date;
  readonly attempts: number;
  readonly waiting: number;
};

/** The record as it stands, and every intent that it had. */
export type WholeDeadLetter = DeadLetterRow & {
  readonly value: Buffer | null;
  readonly valueBytes: number;
  /** The record's header of that name. */
  readonly ceIdBase64: string | null;
  readonly schema: string | null;
  readonly recordTime: Date;
  readonly intents: DeadLetterDetailAnswer['intents'];
};

export type Counted = {
  readonly count: number;
  /** Of these, so many have an open intent already. */
  readonly alreadyAsked: number;
  readonly keys: number;
  /** The highest id among them. */
  readonly lastId: string | null;
  readonly byReason: readonly { readonly reason: string; readonly count: number }[];
  readonly byKey: readonly { readonly key: string | null; readonly count: number }[];
};

const GROUPS_MAX = 50;
/** A key that thousands wait for does not make a page dear: so many are counted, at most. */
const WAITING_COUNTED_MAX = 10_000;
/** Values beyond it are shown by their length only. */
const VALUE_BYTES_MAX = 64 * 1024;

// Only what stands at the head of a key's queue is waited for.
const COLUMNS = `
  p.id::text, p.command_id::text AS "commandId", p.partition, p."offset"::float8, p.key, p.reason, p.message, p.status,
  p.parked_at AS "parkedAt", p.attempts,
  CASE WHEN p.blocks_key AND p.status = 'parked' AND p.reason <> 'BEHIND_PARKED' THEN
    (SELECT count(*)::int FROM (
      SELECT FROM ledger.parked AS w
      WHERE w.topic = p.topic AND w.partition = p.partition AND w.key = p.key AND w.blocks_key AND w.status = 'parked'
        AND w."offset" > p."offset" LIMIT ${WAITING_COUNTED_MAX}) AS behind)
  ELSE 0 END AS waiting`;

const WHOLE = `
  SELECT ${COLUMNS}, CASE WHEN length(p.value) <= ${VALUE_BYTES_MAX} THEN p.value END AS value,
    coalesce(length(p.value), 0) AS "valueBytes", p.record_time AS "recordTime",
    (SELECT h->>1 FROM jsonb_array_elements(p.headers) AS h WHERE h->>0 = 'ce_id' LIMIT 1) AS "ceIdBase64",
    (SELECT s.schema FROM ledger.schemas AS s
      WHERE length(p.value) >= 5 AND s.id = ('x' || encode(substr(p.value, 2, 4), 'hex'))::bit(32)::int) AS schema,
    coalesce((SELECT jsonb_agg(jsonb_build_object(
        'id', i.id::text, 'kind', i.kind, 'jobId', i.job_id, 'actor', i.actor, 'why', i.why,
        'requestedAt', i.requested_at, 'outcome', i.outcome, 'message', i.message, 'executedAt', i.executed_at) ORDER BY i.id)
      FROM ledger.intents AS i WHERE i.parked_id = p.id), '[]') AS intents
  FROM ledger.parked AS p WHERE p.topic = $1 AND p.id = $2`;

/** What is parked, on the primary: read only. */
export class DeadLetterStore {
  readonly #link: () => NodeLink | null;
  readonly #topic: string;

  constructor(link: () => NodeLink | null, topic: string) {
    this.#link = link;
    this.#topic = topic;
  }

  /** What has been set aside longest comes first. */
  async list(
    filter: DeadLetterFilter,
    page: { readonly status: DeadLetterStatus; readonly after: string | null; readonly limit: number },
  ): Promise<readonly DeadLetterRow[]> {
    const { text, values } = conditionOf(this.#topic, filter, 4);
    return await this.#ask<DeadLetterRow>(
      `SELECT ${COLUMNS} FROM ledger.parked AS p
       WHERE p.status = $1 AND ($2::bigint IS NULL OR p.id > $2) AND ${text} ORDER BY p.id LIMIT $3`,
      [page.status, page.after, page.limit, ...values],
    );
  }

  /** Still parked ones by reason, the commonest first. */
  async byReason(
    filter: DeadLetterFilter,
  ): Promise<
    readonly { readonly reason: string; readonly count: number; readonly keys: number; readonly oldest: Date }[]
  > {
    const { text, values } = conditionOf(this.#topic, filter, 1);
    return await this.#ask(
      `SELECT p.reason, count(*)::int AS count, count(DISTINCT (p.partition, p.key))::int AS keys, min(p.parked_at) AS oldest
       FROM ledger.parked AS p WHERE p.status = 'parked' AND ${text}
       GROUP BY p.reason ORDER BY count(*) DESC, p.reason LIMIT ${GROUPS_MAX}`,
      values,
    );
  }

  /** What a verb would be about. */
  async count(filter: DeadLetterFilter): Promise<Counted> {
    const { text, values } = conditionOf(this.#topic, filter, 1);
    const [counted] = await this.#ask<
      Omit<Counted, 'byKey'> & { readonly byKey: { key: string | null; count: number }[] }
    >(
      `WITH meant AS MATERIALIZED (
         SELECT p.id, p.partition, p.key, p.reason FROM ledger.parked AS p WHERE p.status = 'parked' AND ${text})
       SELECT (SELECT count(*)::int FROM meant) AS count,
         (SELECT count(*)::int FROM ledger.intents AS i JOIN meant ON meant.id = i.parked_id WHERE i.executed_at IS NULL) AS "alreadyAsked",
         (SELECT count(DISTINCT (partition, key))::int FROM meant) AS keys,
         (SELECT max(id)::text FROM meant) AS "lastId",
         coalesce((SELECT jsonb_agg(r) FROM (SELECT reason, count(*)::int AS count FROM meant
           GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${GROUPS_MAX}) AS r), '[]') AS "byReason",
         coalesce((SELECT jsonb_agg(k) FROM (SELECT encode(key, 'hex') AS key, count(*)::int AS count FROM meant
           GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${GROUPS_MAX}) AS k), '[]') AS "byKey"`,
      values,
    );
    invariant(counted !== undefined, 'an aggregate answers with one row');
    const byKey = counted.byKey.map(({ key, count }) => ({
      key: keyText(key === null ? null : Buffer.from(key, 'hex')),
      count,
    }));
    return { ...counted, byKey };
  }

  async one(id: string): Promise<WholeDeadLetter | null> {
    return (await this.#ask<WholeDeadLetter>(WHOLE, [this.#topic, id]))[0] ?? null;
  }

  /** A row in the form of the contract. */
  answerOf(row: DeadLetterRow): DeadLetterAnswer {
    const { id, commandId, partition, offset, key, reason, message, status, parkedAt, attempts, waiting } = row;
    const place = { topic: this.#topic, partition, offset };
    const rest = { reason, message, parkedAt: parkedAt.toISOString(), attempts, waiting, status };
    return { id, commandId, ...place, key: keyText(key), ...rest };
  }

  async #ask<Row extends object>(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return await askPrimary<Row>(this.#link, { text, values });
  }
}

/** A key is text by contract; bytes that are none are shown with marks in their place. */
function keyText(key: Buffer | null): string | null {
  return key === null ? null : key.toString('utf8');
}
