import type { BorrowedConnection } from '../pool/borrowed-connection.ts';

/** A transaction that the server has open. */
export type RunningTransaction = {
  readonly backendPid: number;
  readonly applicationName: string;
  readonly userName: string;
  readonly clientAddress: string | null;
  readonly ageMs: number;
  /** Since when the application has sent nothing; null while a statement runs. */
  readonly idleMs: number | null;
  /** What it waits for, as `Lock:transactionid`; null when for nothing. */
  readonly waitsFor: string | null;
  /** The running statement, or the last one; its start. It may hold values: for operators. */
  readonly statement: string;
  /** Of a transaction of this process: what it was begun with. */
  readonly label: string | null;
};

export type LongRunningPolicy = {
  /** Older transactions are long running, milliseconds. Default 60 000. */
  readonly longRunningAfter?: number;
  /** Transactions whose application is silent for longer are idle, milliseconds. Default 30 000. */
  readonly idleAfter?: number;
  /** What happens to them. Default `report`. */
  readonly onLongRunning?: 'report' | 'cancel' | 'terminate';
  readonly onIdle?: 'report' | 'terminate';
  /** Only those of this toolkit's application_name, or all that the role may see. Reports are always of all. Default `own`. */
  readonly scope?: 'own' | 'all';
  /** Between two looks, milliseconds. Default 10 000. */
  readonly interval?: number;
};

export type LongRunningAction = 'none' | 'report' | 'cancel' | 'terminate';

export type LongRunningFinding = {
  readonly transaction: RunningTransaction;
  readonly kind: 'long running' | 'idle in transaction';
  readonly action: Exclude<LongRunningAction, 'none'>;
};

export const LONG_RUNNING_INTERVAL_MS = 10_000;
const LONG_RUNNING_MS = 60_000;
const IDLE_MS = 30_000;
const STATEMENT_CHARACTERS = 500;

/** Idleness comes first: a silent application holds its locks for nothing. */
export function judgeTransaction(
  transaction: RunningTransaction,
  policy: LongRunningPolicy,
  ownName: string,
): LongRunningFinding | null {
  const mayEnd = policy.scope === 'all' || transaction.applicationName === ownName;
  if (transaction.idleMs !== null && transaction.idleMs >= (policy.idleAfter ?? IDLE_MS)) {
    return { transaction, kind: 'idle in transaction', action: mayEnd ? (policy.onIdle ?? 'report') : 'report' };
  }
  if (transaction.ageMs >= (policy.longRunningAfter ?? LONG_RUNNING_MS)) {
    const wanted = policy.onLongRunning ?? 'report';
    // Only a statement can be cancelled.
    const action = wanted === 'cancel' && transaction.idleMs !== null ? 'report' : wanted;
    return { transaction, kind: 'long running', action: mayEnd ? action : 'report' };
  }
  return null;
}

const LIST = `SELECT pid AS "backendPid", application_name AS "applicationName", usename AS "userName",
    host(client_addr) AS "clientAddress",
    (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8 AS "ageMs",
    CASE WHEN state LIKE 'idle in transaction%' THEN (extract(epoch FROM clock_timestamp() - state_change) * 1000)::float8 END AS "idleMs",
    CASE WHEN state = 'active' THEN wait_event_type || ':' || wait_event END AS "waitsFor",
    left(query, ${STATEMENT_CHARACTERS}) AS statement
  FROM pg_stat_activity
  WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND datname = current_database()
  ORDER BY xact_start`;

export async function listTransactions(
  connection: BorrowedConnection,
  labelOf: (backendPid: number) => string | null,
): Promise<readonly RunningTransaction[]> {
  const { rows } = await connection.execute<Omit<RunningTransaction, 'label'>>(LIST);
  return rows.map((row) => ({ ...row, label: labelOf(row.backendPid) }));
}

/** Ends what the findings say. The state is compared again: what has moved on is left alone. */
export async function enforce(connection: BorrowedConnection, findings: readonly LongRunningFinding[]): Promise<void> {
  for (const { transaction, kind, action } of findings) {
    if (action === 'report') continue;
    const end = action === 'cancel' ? 'pg_cancel_backend' : 'pg_terminate_backend';
    const still = kind === 'idle in transaction' ? `AND state LIKE 'idle in transaction%'` : '';
    await connection.execute(
      `SELECT ${end}(pid) FROM pg_stat_activity WHERE pid = $1 AND xact_start IS NOT NULL ${still}
        AND extract(epoch FROM clock_timestamp() - xact_start) * 1000 >= $2`,
      [transaction.backendPid, Math.floor(transaction.ageMs)],
    );
  }
}
