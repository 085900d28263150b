import { arrays, DatabaseError, type Session } from '@tradestream/database';
import { errorOf, type Logger } from '@tradestream/runtime';
import type { LedgerLink } from '../ownership/ledger-link.ts';
import type { Position } from '../ownership/position.ts';
import type { BatchFailure } from './apply-batch.ts';
import { decodeRecords, type Workbench } from './prepare-batch.ts';

/** Command ids kept with one explanation. */
const COMMAND_IDS_MAX = 50;
const EXPLAINED: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

/**
 * Beside what failed here: the sessions that the server named with it, each with the statement it is
 * at, as far as this role may see it, and the places that it is about to decide, if it is a worker.
 */
const EXPLAIN = `
  INSERT INTO ledger.deadlocks (owner, sqlstate, detail, command_ids, lock_detail, lock_context, others)
  SELECT $1, $2, $3, $4::uuid[], $5, $6, coalesce(jsonb_agg(jsonb_build_object(
    'pid', a.pid, 'application', a.application_name, 'statement', left(a.query, 2000), 'places', (
      SELECT jsonb_agg(jsonb_build_object('partition', p.partition, 'nextOffset', p.next_offset) ORDER BY p.partition)
      FROM ledger.partitions AS p WHERE p.owner_pid = a.pid
    ))), '[]')
  FROM pg_stat_activity AS a WHERE a.pid = ANY ($7::int[])`;

/** Keeps what an operator needs to understand a deadlock or serialization failure. Never fails the batch. */
export async function explainRetry(
  options: { readonly bench: Workbench; readonly link: LedgerLink; readonly owner: string; readonly log: Logger },
  failure: BatchFailure,
): Promise<void> {
  const { bench, link, owner, log } = options;
  const { cause, records } = failure;
  if (!(cause instanceof DatabaseError) || !EXPLAINED.has(cause.code)) return;
  try {
    const session = link.loads();
    const decoded = await decodeRecords(bench, records.slice(0, COMMAND_IDS_MAX), session);
    const ids = decoded.flatMap((record) => (record.kind === 'command' ? [record.commandId] : []));
    const { lockDetail = '', lockContext = '' } = cause;
    await session.query({
      text: EXPLAIN,
      values: [owner, cause.code, cause.message, arrays.uuid(ids), lockDetail, lockContext, othersIn(lockDetail)],
    });
  } catch (error) {
    log.warn({ error: errorOf(error) }, 'retry_not_explained');
  }
}

/** The processes that wait or hold, as the server lists them. */
function othersIn(lockDetail: string): Buffer {
  const pids = lockDetail.matchAll(/process (\d+)/gi);
  return arrays.int4([...new Set([...pids].map(([, pid]) => Number(pid)))]);
}

/** Marks durably that a record is about to be tried alone; answers how often it was. */
export async function markSingle(session: Session, topic: string, position: Position, offset: number): Promise<number> {
  const { rows } = await session.query<{ attempts: number | null }>({
    text: 'SELECT ledger.mark_single($1, $2, $3, $4) AS attempts',
    values: [topic, position.partition, position.epoch, offset],
  });
  return rows[0]?.attempts ?? 0;
}
