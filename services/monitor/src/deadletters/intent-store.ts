import { invariant } from '@tradestream/runtime';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { conditionOf, type DeadLetterFilter } from './dead-letter-filter.ts';

export const VERBS = ['redrive', 'discard', 'edit'] as const;
export type Verb = (typeof VERBS)[number];

/** For whom and why intents are written. */
export type Order = {
  readonly jobId: string;
  readonly verb: Verb;
  readonly actor: string;
  readonly why: string;
  /** An edit's new value, as base64. */
  readonly editedValue: string | null;
};

export type Portion = {
  readonly filter: DeadLetterFilter;
  /** Id of the last record of the portion before. */
  readonly after: string;
  /** Records set aside later are not meant. */
  readonly last: string;
  readonly limit: number;
};

export type Written = {
  /** Records that the portion is of; fewer than its limit: it was the last. */
  readonly picked: number;
  /** New intents among them. */
  readonly asked: number;
  /** Asked for by others, and still open or settled since the job was made. */
  readonly alreadyAsked: number;
  readonly lastId: string | null;
};

export type Outcomes = {
  readonly open: number;
  readonly applied: number;
  readonly rejected: number;
  readonly discarded: number;
  readonly parked: number;
  readonly failures: readonly { readonly message: string; readonly count: number }[];
};

const FAILURES_MAX = 20;

/** `ledger.intents`: written here, executed by the owner of each record's partition. */
export class IntentStore {
  readonly #link: () => NodeLink | null;
  readonly #topic: string;

  constructor(link: () => NodeLink | null, topic: string) {
    this.#link = link;
    this.#topic = topic;
  }

  /**
   * Asks for a portion, in one statement. Whoever asks for what is open, or was asked for by anyone
   * since this job was made, asks for nothing: pressed twice, by two, or run again after a crash, a
   * record is tried once.
   */
  async ask({ jobId, verb, actor, why, editedValue }: Order, portion: Portion): Promise<Written> {
    const { text, values } = conditionOf(this.#topic, portion.filter, 9);
    const [written] = await this.#query<Written>(
      `WITH picked AS MATERIALIZED (
         SELECT p.id, p.topic, p.partition FROM ledger.parked AS p
         WHERE p.status = 'parked' AND p.id > $6 AND p.id <= $7 AND ${text} ORDER BY p.id LIMIT $8),
       asked AS (
         INSERT INTO ledger.intents (parked_id, topic, partition, job_id, kind, edited_value, actor, why)
         SELECT id, topic, partition, $1, $2, decode($5::text, 'base64'), $3, $4 FROM picked
         WHERE NOT EXISTS (
           SELECT FROM ledger.intents AS i WHERE i.parked_id = picked.id
             AND (i.executed_at IS NULL OR i.requested_at >= (SELECT created_at FROM ledger.jobs WHERE id = $1)))
         ORDER BY id ON CONFLICT (parked_id) WHERE executed_at IS NULL DO NOTHING RETURNING 1)
       SELECT count(*)::int AS picked, (SELECT count(*)::int FROM asked) AS asked, max(id)::text AS "lastId",
         (count(*) - (SELECT count(*) FROM asked) - count(*) FILTER (
           WHERE EXISTS (SELECT FROM ledger.intents AS i WHERE i.parked_id = picked.id AND i.job_id = $1)))::int AS "alreadyAsked"
       FROM picked`,
      [jobId, verb, actor, why, editedValue, portion.after, portion.last, portion.limit, ...values],
    );
    invariant(written !== undefined, 'an aggregate answers with one row');
    return written;
  }

  /** What has become of a job's intents. */
  async outcomes(jobId: string): Promise<Outcomes> {
    const [found] = await this.#query<Outcomes>(
      `WITH mine AS MATERIALIZED (SELECT outcome, message FROM ledger.intents WHERE job_id = $1)
       SELECT
         (count(*) FILTER (WHERE outcome IS NULL))::int AS open,
         (count(*) FILTER (WHERE outcome = 'applied'))::int AS applied,
         (count(*) FILTER (WHERE outcome = 'rejected'))::int AS rejected,
         (count(*) FILTER (WHERE outcome = 'discarded'))::int AS discarded,
         (count(*) FILTER (WHERE outcome = 'parked'))::int AS parked,
         coalesce((SELECT jsonb_agg(f) FROM (SELECT coalesce(message, '') AS message, count(*)::int AS count FROM mine
           WHERE outcome IN ('parked', 'rejected') GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${FAILURES_MAX}) AS f), '[]') AS failures
       FROM mine`,
      [jobId],
    );
    invariant(found !== undefined, 'an aggregate answers with one row');
    return found;
  }

  async #query<Row extends object>(text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    return await askPrimary<Row>(this.#link, { text, values });
  }
}
