import type { PipelineAnswer } from '@tradestream/answers';
import { DatabaseError } from '@tradestream/database';
import type { NodeLink } from '../sources/node-link.ts';
import { type JobsSample, sampleJobs } from './sample-jobs.ts';
import { sampleReconciliation } from './sample-reconciliation.ts';

/** What the primary says of the pipeline, in one reading. Counters count since the server's statistics began. */
export type PipelineSample = {
  readonly partitions: readonly {
    readonly partition: number;
    readonly nextOffset: number;
    readonly eventSeq: number;
    readonly publishedSeq: number;
  }[];
  readonly deadlocks: number;
  readonly rollbacks: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly waitingForLocks: number;
  readonly waitingForStandby: number;
  readonly oldestTransactionSeconds: number;
  readonly workers: number;
  readonly projectors: number;
  readonly parkedKeys: number;
  readonly parked: readonly {
    readonly reason: string;
    readonly count: number;
    readonly oldestSeconds: number;
  }[];
  readonly projections: readonly { readonly name: string; readonly lagEvents: number }[];
  readonly jobs: JobsSample;
  readonly reconciliation: PipelineAnswer['reconciliation'];
};

// A flood of parked records must not make the watching dear: so many are looked at, at most.
const PARKED_COUNTED_MAX = 10_000;
const REASONS_MAX = 20;

const LEDGER = `
  SELECT partition, next_offset::float8 AS "nextOffset", event_seq::float8 AS "eventSeq",
    published_seq::float8 AS "publishedSeq"
  FROM ledger.partitions WHERE topic = $1 ORDER BY partition`;

const SERVER = `
  SELECT
    (SELECT deadlocks::float8 FROM pg_stat_database WHERE datname = current_database()) AS deadlocks,
    (SELECT xact_rollback::float8 FROM pg_stat_database WHERE datname = current_database()) AS rollbacks,
    count(*)::float8 AS connections,
    current_setting('max_connections')::float8 AS "connectionsMax",
    (count(*) FILTER (WHERE wait_event_type = 'Lock'))::float8 AS "waitingForLocks",
    (count(*) FILTER (WHERE wait_event = 'SyncRep'))::float8 AS "waitingForStandby",
    coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)
      FILTER (WHERE pid <> pg_backend_pid() AND datname = current_database())), 0)::float8 AS "oldestTransactionSeconds",
    (count(*) FILTER (WHERE datname = current_database() AND application_name LIKE 'tradestream-worker%'))::float8 AS workers,
    (count(*) FILTER (WHERE datname = current_database() AND application_name LIKE 'tradestream-projector%'))::float8 AS projectors
  FROM pg_stat_activity WHERE backend_type = 'client backend'`;

const PARKED = `
  SELECT reason, count(*)::int AS count,
    greatest(0, extract(epoch FROM clock_timestamp() - min(parked_at)))::float8 AS "oldestSeconds"
  FROM (SELECT reason, parked_at FROM ledger.parked WHERE status = 'parked' AND topic = $1 LIMIT ${PARKED_COUNTED_MAX}) AS p
  GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ${REASONS_MAX}`;

const PARKED_KEYS = `
  SELECT count(*)::float8 AS keys FROM
    (SELECT DISTINCT partition, key FROM ledger.parked
      WHERE topic = $1 AND blocks_key AND status = 'parked' LIMIT ${PARKED_COUNTED_MAX}) AS k`;

const PROJECTIONS = `
  SELECT v.projection AS name, coalesce(sum(greatest(0, p.event_seq - v.seq)), 0)::float8 AS "lagEvents"
  FROM views.positions AS v JOIN ledger.partitions AS p ON p.partition = v.partition AND p.topic = $1
  GROUP BY v.projection ORDER BY v.projection`;

type Apart = 'partitions' | 'parked' | 'parkedKeys' | 'projections' | 'jobs' | 'reconciliation';
type ServerRow = Omit<PipelineSample, Apart>;

const NO_SUCH_TABLE = '42P01';

/** One reading of ledger and server; the statements travel together. */
export async function samplePipeline(link: NodeLink, topic: string): Promise<PipelineSample> {
  const values = [topic];
  const [partitions, server, parked, keys, projections, jobs, reconciliation] = await Promise.all([
    link.query<PipelineSample['partitions'][number]>({ text: LEDGER, values }),
    link.query<ServerRow>({ text: SERVER }),
    link.query<PipelineSample['parked'][number]>({ text: PARKED, values }),
    link.query<{ readonly keys: number }>({ text: PARKED_KEYS, values }),
    link.query<PipelineSample['projections'][number]>({ text: PROJECTIONS, values }).catch(noneIfMissing),
    sampleJobs(link),
    sampleReconciliation(link),
  ]);
  const [serverRow, keysRow] = [server[0], keys[0]];
  if (serverRow === undefined || keysRow === undefined) throw new Error('an aggregate answers with one row');
  return { partitions, ...serverRow, parked, parkedKeys: keysRow.keys, projections, jobs, reconciliation };
}

/** The views may be in another database. */
function noneIfMissing(error: unknown): readonly never[] {
  if (error instanceof DatabaseError && error.code === NO_SUCH_TABLE) return [];
  throw error;
}
