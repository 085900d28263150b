import { arrays, type Rows, type Session } from '@tradestream/database';
import { type Logger, RuntimeError, waitFor } from '@tradestream/runtime';
import { BEHIND_PARKED } from '../apply/decide-batch.ts';
import { WorkerError } from '../errors.ts';
import type { Position } from './position.ts';

export type ClaimOptions = {
  readonly session: Session;
  /** Opens a second connection, to end what blocks the claim. */
  readonly openControl: () => Promise<Session>;
  readonly topic: string;
  readonly owner: string;
  readonly applicationName: string;
  /** Wait before blockers are ended, ms. */
  readonly timeoutMs: number;
  readonly commitTimeoutMs: number;
  readonly log: Logger;
};

type ClaimRow = {
  partition: number;
  epoch: string;
  next_offset: string;
  last_hash: Buffer | null;
  event_seq: string;
  published_seq: string;
  deaths: number;
  singly_until: string;
};

/** Unclean claims at one offset after which its commands run one by one. */
const DEATHS_MAX = 3;
const COLUMNS = `partition, epoch::text, next_offset::text, last_hash, event_seq::text, published_seq::text, deaths, singly_until::text`;
/** Blockers are ended this often before the claim is given up for now. */
const ROUNDS_MAX = 5;

/**
 * Takes ownership: every earlier owner is fenced from here on. Counts only once its COMMIT has
 * answered as durable, which also proves all that it waited for.
 * @throws {DatabaseError} as the statements or COMMIT answer; {WorkerError} CLAIM_NOT_SETTLED
 */
export async function claimPartitions(
  options: ClaimOptions,
  partitions: readonly number[],
  commandsMax: number,
): Promise<readonly Position[]> {
  const rows = await runClaim(options, `SELECT ${COLUMNS} FROM ledger.claim($1, $2, $3, $4, $5)`, [
    options.topic,
    arrays.int4([...partitions]),
    options.owner,
    DEATHS_MAX,
    commandsMax,
  ]);
  for (const row of rows) {
    if (row.deaths > 0)
      options.log.warn(
        { partition: row.partition, deaths: row.deaths, offset: row.next_offset },
        'previous_owner_died',
      );
  }
  return await withParked(options, rows);
}

/** Claims again what is still ours; partitions that are not returned have another owner. */
export async function claimAgain(options: ClaimOptions, held: readonly Position[]): Promise<readonly Position[]> {
  const rows = await runClaim(options, `SELECT ${COLUMNS} FROM ledger.claim_again($1, $2, $3)`, [
    options.topic,
    arrays.int4(held.map((position) => position.partition)),
    arrays.int8(held.map((position) => position.epoch)),
  ]);
  return await withParked(options, rows);
}

/** Gives partitions back, so that their next claim is no sign of a death. */
export async function releasePartitions(session: Session, topic: string, held: readonly Position[]): Promise<void> {
  await session.query({
    text: 'SELECT ledger.release($1, $2, $3)',
    values: [
      topic,
      arrays.int4(held.map((position) => position.partition)),
      arrays.int8(held.map((position) => position.epoch)),
    ],
  });
}

/** The epochs under which partitions are owned now. */
export async function askEpochs(
  session: Session,
  topic: string,
  held: readonly Position[],
): Promise<Rows<{ partition: number; epoch: string }>> {
  return await session.query({
    text: 'SELECT partition, epoch::text FROM ledger.partitions WHERE topic = $1 AND partition = ANY ($2::int[])',
    values: [topic, arrays.int4(held.map((position) => position.partition))],
  });
}

async function runClaim(options: ClaimOptions, text: string, values: readonly unknown[]): Promise<readonly ClaimRow[]> {
  const { session } = options;
  await session.query({ text: 'BEGIN' });
  const answer = session.query<ClaimRow>({ text, values });
  answer.catch(() => undefined); // awaited below, perhaps after the control connection failed
  for (let round = 1; ; round += 1) {
    try {
      const { rows } = await waitFor(answer, { timeoutMs: options.timeoutMs, stage: 'claim of partitions' });
      await session.commit({ timeoutMs: options.commitTimeoutMs });
      return rows;
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (round > ROUNDS_MAX) throw new WorkerError('CLAIM_NOT_SETTLED', { cause: error, context: { round } });
      await endBlockers(options);
    }
  }
}

/**
 * Ends what blocks the claim: only sessions of our own role and application, such as a frozen worker's. They
 * are chosen first: as one condition among others the function that ends may be asked before these, of everybody.
 */
async function endBlockers(options: ClaimOptions): Promise<void> {
  const control = await options.openControl();
  try {
    const { rows } = await control.query<{ pid: number }>({
      text: `WITH blocking AS MATERIALIZED (
               SELECT pid FROM pg_stat_activity
               WHERE pid = ANY (pg_blocking_pids($1)) AND usename = current_user AND application_name = $2)
             SELECT pid FROM blocking WHERE pg_terminate_backend(pid)`,
      values: [options.session.backendPid, options.applicationName],
    });
    options.log.warn({ ended: rows.map((row) => row.pid) }, 'claim_blockers_ended');
  } finally {
    await control.close();
  }
}

/** Positions with the keys that parked commands block, and with what was parked beyond them before a rewind. */
async function withParked(options: ClaimOptions, rows: readonly ClaimRow[]): Promise<readonly Position[]> {
  const { session, topic } = options;
  const partitions = arrays.int4(rows.map((row) => row.partition));
  const [blocked, ahead] = await Promise.all([
    session.query<{ partition: number; key: Buffer; count: number; head: string }>({
      text: `SELECT partition, key, count(*)::int AS count, (array_agg(reason ORDER BY "offset"))[1] AS head FROM ledger.parked
             WHERE topic = $1 AND partition = ANY ($2::int[]) AND blocks_key AND status = 'parked' AND key IS NOT NULL
             GROUP BY partition, key`,
      values: [topic, partitions],
    }),
    session.query<{ partition: number; place: string }>({
      text: `SELECT k.partition, k."offset"::text AS place
             FROM unnest($2::int[], $3::bigint[]) AS mine (partition, next_offset)
             JOIN ledger.parked AS k ON k.topic = $1 AND k.partition = mine.partition AND k."offset" >= mine.next_offset`,
      values: [topic, partitions, arrays.int8(rows.map((row) => Number(row.next_offset)))],
    }),
  ]);
  return rows.map((row) => {
    const ofRow = (other: { readonly partition: number }) => other.partition === row.partition;
    const queues = blocked.rows.filter(ofRow).map((queue) => ({ ...queue, text: queue.key.toString('utf8') }));
    return positionOf(row, {
      blockedKeys: new Map(queues.map(({ text }) => [text, -1])),
      releasing: new Map(queues.filter(({ head }) => head === BEHIND_PARKED).map(({ text, key }) => [text, key])),
      queued: new Map(queues.map(({ text, count }) => [text, count])),
      paused: false,
      parkedAhead: ahead.rows.filter(ofRow).map(({ place }) => Number(place)),
    });
  });
}

function positionOf(
  row: ClaimRow,
  parked: Pick<Position, 'blockedKeys' | 'releasing' | 'queued' | 'paused' | 'parkedAhead'>,
): Position {
  const committed = { offset: Number(row.next_offset), seq: Number(row.event_seq), hash: row.last_hash };
  return {
    partition: row.partition,
    epoch: Number(row.epoch),
    claimedOffset: committed.offset,
    nextOffset: committed.offset,
    seq: committed.seq,
    lastHash: committed.hash,
    committed,
    publishedSeq: Number(row.published_seq),
    markedSeq: Number(row.published_seq),
    singlyUntil: Number(row.singly_until),
    ...parked,
  };
}
