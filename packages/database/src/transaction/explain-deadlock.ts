import { open } from 'node:fs/promises';
import type { DatabaseError } from '../errors.ts';
import type { BorrowedConnection } from '../pool/borrowed-connection.ts';
import { relationsOf } from '../replication/parse-statement.ts';
import { type DeadlockParty, type DeadlockReport, parseLockDetail, statementsInLog } from './deadlock-report.ts';
import type { OpenTransaction } from './open-transaction.ts';

/** What this process knows of a backend of its own. */
export type OwnParty = { readonly statement: string; readonly label: string };

export type ExplainOptions = {
  readonly error: DatabaseError;
  readonly node: string;
  readonly own: (backendPid: number) => OwnParty | null;
  readonly acquire: () => Promise<BorrowedConnection>;
  /** The server's log on this machine. */
  readonly serverLogFile?: string | undefined;
};

const LOG_TAIL_BYTES = 262_144;
const ASK_MS = 2_000;

const ACTIVITY = 'SELECT pid, application_name, query FROM pg_stat_activity WHERE pid = ANY($1::int[])';
// Null where the server keeps no log files of its own; refused where the role may not read them.
const LOG_TAIL = `SELECT convert_from(pg_read_binary_file(file, greatest(0, size - ${LOG_TAIL_BYTES}), ${LOG_TAIL_BYTES}), 'LATIN1') AS text
  FROM (SELECT pg_current_logfile() AS file) AS log, LATERAL (SELECT (pg_stat_file(file)).size) AS stat
  WHERE file IS NOT NULL`;

/** What stood beside the victim's last statement in the transactions of this process, by backend. */
export function ownParties(
  victim: OpenTransaction,
  transactions: readonly OpenTransaction[],
): ReadonlyMap<number, OwnParty> {
  const last = victim.statements.last;
  const parties = new Map<number, OwnParty>();
  if (last === null) return parties;
  const longest = new Map<number, number>();
  for (const { backendPid, label, statements } of transactions) {
    const found = statements.beside(last.fromMs, last.untilMs ?? Infinity);
    if (found === null || found.sharedMs <= (longest.get(backendPid) ?? 0)) continue;
    longest.set(backendPid, found.sharedMs);
    parties.set(backendPid, { statement: found.text, label });
  }
  return parties.set(victim.backendPid, { statement: last.text, label: victim.label });
}

/** The circle that a deadlock's detail tells, the victim first, each with what is known of its process. */
export function lockParties(
  lockDetail: string,
  known: (backendPid: number) => Pick<DeadlockParty, 'statement' | 'applicationName'>,
): readonly DeadlockParty[] {
  return parseLockDetail(lockDetail).map((edge, index) => {
    const { statement, applicationName } = known(edge.backendPid);
    const relations = statement === null ? [] : relationsOf(statement);
    return { ...edge, isVictim: index === 0, applicationName, statement, relations };
  });
}

/** Both sides of a deadlock, from the best source there is: the server's log, our own transactions, pg_stat_activity. Never throws. */
export async function explainDeadlock(options: ExplainOptions): Promise<DeadlockReport> {
  const { error, node, own } = options;
  const edges = parseLockDetail(error.lockDetail ?? '');
  const pids = edges.map((edge) => edge.backendPid);
  const log = await readLog(options).catch(() => '');
  const logged = statementsInLog(log, edges);
  const activity = await readActivity(options, pids).catch(() => new Map<number, Activity>());
  const parties = lockParties(error.lockDetail ?? '', (backendPid) => {
    const mine = own(backendPid);
    const seen = activity.get(backendPid);
    const name = [seen?.application_name, mine?.label].filter((part) => part !== undefined && part !== '').join(' ');
    return {
      statement: logged.get(backendPid) ?? mine?.statement ?? seen?.query ?? null,
      applicationName: name === '' ? null : name,
    };
  });
  const everyone = (has: (pid: number) => boolean) => pids.length > 0 && pids.every(has);
  const source = everyone((pid) => logged.has(pid))
    ? 'server log'
    : everyone((pid) => own(pid) !== null)
      ? 'parties'
      : activity.size > 0
        ? 'activity'
        : 'none';
  return { at: new Date(), node, parties, context: error.lockContext ?? '', source };
}

async function readLog(options: ExplainOptions): Promise<string> {
  if (options.serverLogFile !== undefined) return await readTail(options.serverLogFile);
  await using connection = await options.acquire();
  const { rows } = await connection.execute<{ text: string }>(LOG_TAIL, [], { timeoutMs: ASK_MS });
  return rows[0]?.text ?? '';
}

type Activity = { readonly pid: number; readonly application_name: string; readonly query: string };

async function readActivity(options: ExplainOptions, pids: readonly number[]): Promise<ReadonlyMap<number, Activity>> {
  await using connection = await options.acquire();
  const { rows } = await connection.execute<Activity>(ACTIVITY, [pids], { timeoutMs: ASK_MS });
  return new Map(rows.map((row) => [row.pid, row]));
}

async function readTail(file: string): Promise<string> {
  await using handle = await open(file, 'r');
  const { size } = await handle.stat();
  const start = Math.max(0, size - LOG_TAIL_BYTES);
  const bytes = Buffer.alloc(size - start);
  await handle.read(bytes, 0, bytes.length, start);
  return bytes.toString('utf8');
}
