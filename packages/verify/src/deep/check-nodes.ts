import { openSession, type Session } from '@tradestream/database';
import { AppError, sleep } from '@tradestream/runtime';
import { Contradiction } from '../contradiction.ts';
import { checkHistory } from '../history.ts';
import { loadRows } from '../pages.ts';
import { openSnapshot, type Snapshot } from '../snapshot.ts';
import { checkState } from '../state.ts';
import { checkViews } from '../views.ts';
import { loadPositions, type NodePrint, printEvents, takePrint } from './node-prints.ts';

export type NodesOptions = {
  readonly databaseUrl: string;
  readonly replicaUrls: Readonly<Record<string, string>>;
  readonly commandsTopic: string;
  readonly signal: AbortSignal;
};

export type NodeVerdict = {
  readonly node: string;
  /** How it was compared: by hash with the primary at the same position, or by folding its own events. */
  readonly how: 'same position' | 'own events' | 'away';
  readonly broken: string | null;
};

/** So long a replica is given to come to a moment at which it stands where the primary stands. */
const MEET_MS = 5_000;
const POLL_MS = 100;
const CONNECT_MS = 5_000;

/**
 * Every replica shows what the primary shows. Both are caught at the same position when they can be;
 * under traffic or with replay paused, what the replica holds is verified like an installation of its
 * own, and its events held against the primary's.
 */
export async function checkNodes(options: NodesOptions): Promise<readonly NodeVerdict[]> {
  const verdicts: NodeVerdict[] = [];
  for (const [node, url] of Object.entries(options.replicaUrls)) verdicts.push(await checkNode(options, node, url));
  return verdicts;
}

async function checkNode(options: NodesOptions, node: string, url: string): Promise<NodeVerdict> {
  try {
    const met = await meet(options, url);
    if (met !== null) return { node, how: 'same position', broken: compare(node, met.primary, met.replica) };
    return { node, how: 'own events', broken: await foldOn(options, node, url) };
  } catch (error) {
    if (!(error instanceof AppError) || options.signal.aborted) throw error;
    return { node, how: 'away', broken: `${node} cannot be read: ${error.message}` };
  }
}

/** Prints of primary and replica at one position; null when they did not meet in time. */
async function meet(
  { databaseUrl, signal }: NodesOptions,
  url: string,
): Promise<{ readonly primary: NodePrint; readonly replica: NodePrint } | null> {
  const deadline = performance.now() + MEET_MS;
  do {
    const found = await inSnapshot(databaseUrl, async (primary) => {
      const positions = await loadPositions(primary);
      return await inSnapshot(url, async (replica) =>
        (await loadPositions(replica)) === positions
          ? { primary: await takePrint(primary), replica: await takePrint(replica) }
          : null,
      );
    });
    if (found !== null) return found;
    await sleep(POLL_MS, signal);
  } while (performance.now() < deadline);
  return null;
}

function compare(node: string, primary: NodePrint, replica: NodePrint): string | null {
  for (const [table, print] of primary.tables) {
    const other = replica.tables.get(table);
    if (other !== print)
      return `${node}: ${table} has another hash than on the primary at the same position (${other}, ${print})`;
  }
  return null;
}

async function foldOn(
  { databaseUrl, commandsTopic, signal }: NodesOptions,
  node: string,
  url: string,
): Promise<string | null> {
  const snapshot = await openSnapshot({ databaseUrl: url, commandsTopic, signal });
  try {
    const history = await checkHistory(snapshot, () => signal.throwIfAborted());
    await checkState(snapshot, history.market);
    await checkViews(snapshot, history);
    const [stretches, there] = await inSnapshot(databaseUrl, async (primary) => {
      const both = await bothHold(snapshot, primary);
      return [both, await printEvents(primary, both)] as const;
    });
    const here = await printEvents(snapshot.session, stretches);
    for (const [partition, print] of here) {
      if (there.get(partition) !== print)
        return `${node}: the events of partition ${partition} up to ${stretches.get(partition)?.[1]} are not the primary's`;
    }
    return null;
  } catch (error) {
    if (error instanceof Contradiction) return `${node}: ${error.message}`;
    throw error;
  } finally {
    await snapshot.session.close();
  }
}

/** Events that the replica has and the primary has not removed, which is further with that. */
async function bothHold(
  { topic, partitions }: Snapshot,
  primary: Session,
): Promise<ReadonlyMap<number, readonly [number, number]>> {
  const rows = await loadRows<{ partition: number; removed: number }>(
    primary,
    'SELECT partition, removed_seq::float8 AS removed FROM ledger.retention WHERE topic = $1',
    [topic],
  );
  const removed = new Map(rows.map((row) => [row.partition, row.removed]));
  return new Map(
    [...partitions.values()].map(({ partition, eventSeq }) => [partition, [removed.get(partition) ?? 0, eventSeq]]),
  );
}

async function inSnapshot<T>(url: string, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await openSession({ url, applicationName: 'tradestream-verify', connectTimeoutMs: CONNECT_MS });
  try {
    await session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    return await work(session);
  } finally {
    await session.close();
  }
}
