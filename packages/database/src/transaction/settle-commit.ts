import { errorOf, sleep } from '@tradestream/runtime';
import type { BorrowedConnection } from '../pool/borrowed-connection.ts';
import type { TransactionOutcome, UnknownCommit } from './transaction-config.ts';

const POLL_MS = 25;
const STEP_MS = 2_000;

// On another timeline the id may be of another transaction, or of none yet, which the server refuses.
const STATUS = `SELECT timeline, CASE WHEN timeline = $2 THEN pg_xact_status($1::xid8) END AS status
  FROM (SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS timeline) AS here`;

// Never one that waits for a standby: ending it would show to others what is on no standby. The id
// proves that the process is still the one that we lost.
const END_BACKEND = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE pid = $1 AND backend_xid = ($2::xid8)::xid AND wait_event IS DISTINCT FROM 'SyncRep'`;

type Acquire = (options: { readonly timeoutMs: number }) => Promise<BorrowedConnection>;

/**
 * What became of a transaction, as the server knows it by its id. `committed` is said only when it also
 * lasts: a later transaction, whose commit waits behind it, was confirmed by the standbys.
 * `unknown` when the time is over, or when another server is primary now, where the id means nothing.
 */
export async function settleByXid(
  commit: UnknownCommit,
  options: { readonly acquire: Acquire; readonly timeoutMs: number },
): Promise<TransactionOutcome> {
  // Without an id nothing was written that could be lost.
  if (commit.xid === null) return 'committed';
  const deadlineMs = performance.now() + options.timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return 'unknown';
    const answer = await ask(commit, { acquire: options.acquire, timeoutMs: Math.min(leftMs, STEP_MS) });
    if (answer !== 'ask again') return answer;
    await sleep(POLL_MS);
  }
}

async function ask(
  commit: UnknownCommit,
  options: { readonly acquire: Acquire; readonly timeoutMs: number },
): Promise<TransactionOutcome | 'ask again'> {
  const { acquire, timeoutMs } = options;
  let connection: BorrowedConnection | null = null;
  try {
    connection = await acquire({ timeoutMs });
    const { rows } = await connection.execute<{ status: string | null; timeline: number }>(
      STATUS,
      [commit.xid, commit.timeline],
      {
        timeoutMs,
      },
    );
    const { status, timeline } = rows[0] ?? { status: null, timeline: 0 };
    if (timeline !== commit.timeline || status === null) return 'unknown';
    if (status === 'aborted') return 'rolled back';
    if (status === 'committed') return (await isDurable(connection, timeoutMs)) ? 'committed' : 'ask again';
    await connection.execute(END_BACKEND, [commit.backendPid, commit.xid], { timeoutMs });
    return 'ask again';
  } catch (error) {
    connection?.discard(errorOf(error));
    return 'ask again';
  } finally {
    await connection?.release();
  }
}

/** A commit that answers without a notice has behind it all that was committed before. */
async function isDurable(connection: BorrowedConnection, timeoutMs: number): Promise<boolean> {
  await connection.execute('BEGIN', [], { timeoutMs });
  await connection.execute(`SELECT pg_logical_emit_message(true, 'database-toolkit', '')`, [], { timeoutMs });
  await connection.session.commit({ timeoutMs });
  return true;
}
