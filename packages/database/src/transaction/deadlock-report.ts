/** One process of a deadlock. */
export type DeadlockParty = {
  readonly backendPid: number;
  /** The lock it wanted, and what on: `ShareLock`, `transaction 789`. */
  readonly lock: string;
  readonly on: string;
  readonly blockedBy: number;
  readonly isVictim: boolean;
  /** `application_name`, and the transaction's label where it is ours. */
  readonly applicationName: string | null;
  /** As it was sent; it may hold values. For operators, not for messages. */
  readonly statement: string | null;
  /** Tables that the statement names. */
  readonly relations: readonly string[];
};

export type DeadlockReport = {
  readonly at: Date;
  readonly node: string;
  readonly parties: readonly DeadlockParty[];
  /** What the victim was doing, in the server's words. */
  readonly context: string;
  /** Where the statements come from; `parties` when from this process's own transactions. */
  readonly source: 'server log' | 'parties' | 'activity' | 'none';
};

export type DeadlockEdge = Pick<DeadlockParty, 'backendPid' | 'lock' | 'on' | 'blockedBy'>;

const EDGE = /^\s*Process (\d+) waits for (\w+) on (.+); blocked by process (\d+)\.$/;
const STATEMENT = /^\s*(?:\S+ .*?DETAIL:\s+)?Process (\d+): (.*)$/;
/** Another entry of the log starts: the lines of one entry are indented. */
const INDENTED = /^\s/;

/** The circle as the server tells it to the victim. The victim's own line comes first. */
export function parseLockDetail(detail: string): readonly DeadlockEdge[] {
  return detail.split('\n').flatMap((line) => {
    const found = EDGE.exec(line);
    if (found === null) return [];
    const [, pid, lock = '', on = '', blocker] = found;
    return [{ backendPid: Number(pid), lock, on, blockedBy: Number(blocker) }];
  });
}

/** The statements of a deadlock in the text of a server log, by process; the last deadlock with these lines counts. */
export function statementsInLog(log: string, edges: readonly DeadlockEdge[]): ReadonlyMap<number, string> {
  const statements = new Map<number, string>();
  const [first] = edges;
  if (first === undefined) return statements;
  const { backendPid, lock, on, blockedBy } = first;
  const mark = `Process ${backendPid} waits for ${lock} on ${on}; blocked by process ${blockedBy}.`;
  const lines = log.split('\n');
  const start = lines.findLastIndex((line) => line.endsWith(mark));
  if (start === -1) return statements;
  let pid: number | null = null;
  for (const line of lines.slice(start + 1)) {
    if (!INDENTED.test(line)) break;
    if (EDGE.test(line)) continue;
    const found = STATEMENT.exec(line);
    if (found !== null) {
      pid = Number(found[1]);
      statements.set(pid, found[2] ?? '');
    } else if (pid !== null) {
      statements.set(pid, `${statements.get(pid) ?? ''}\n${line.replace(/^\t/, '')}`);
    }
  }
  return statements;
}
