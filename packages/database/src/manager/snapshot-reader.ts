import { sleep } from '@tradestream/runtime';
import type { QueryResult } from '../connection.ts';
import { DatabaseError, isAccessRefused } from '../errors.ts';
import type { ReadPreference } from '../replication/choose-readers.ts';
import type { Cluster } from '../replication/cluster.ts';
import type { ClusterNode } from '../replication/cluster-node.ts';
import type { Statement } from '../session.ts';

export type SnapshotOptions = {
  /** Default: the configuration's. */
  readonly readPreference?: ReadPreference;
  /**
   * Whether what a node has answered, one result a statement, shows what the reader must see. It may be called
   * for several nodes. Absent: any answer does.
   */
  readonly isFresh?: (results: readonly QueryResult<object>[]) => boolean;
  /** No node is asked again after this, milliseconds. A statement under way has `queryTimeout`. Default: `acquireTimeout`. */
  readonly timeoutMs?: number;
  /** So long only the nodes of the preference are asked, milliseconds. Default 150. */
  readonly preferredMs?: number;
  /** Ends the waiting between two rounds. */
  readonly signal?: AbortSignal;
  /** Told of a node that failed, before the next is asked. Must not throw. */
  readonly onFailure?: (node: string, error: DatabaseError) => void;
};

export type Snapshot = {
  /** One a statement, in their order. */
  readonly results: readonly QueryResult<object>[];
  /** The node that answered. */
  readonly servedBy: string;
};

/** Between two rounds, milliseconds: replay and what fills the tables catch up within tens of them. */
const PAUSE_MS = 10;
const PREFERRED_MS = 150;
const DOWN_MS = 1_000;
/** A statement would write: on every node, for the snapshot is read only. */
const WRITES = '25006';

type Round = { readonly snapshot: Snapshot | null; readonly failure: DatabaseError | null };

/** Reads whose freshness is proved by the answer itself: no clock and no figure of lag is trusted for it. */
export class SnapshotReader {
  readonly #cluster: Cluster;
  readonly #preference: ReadPreference;

  constructor(cluster: Cluster, preference: ReadPreference) {
    this.#cluster = cluster;
    this.#preference = preference;
  }

  async read(statements: readonly Statement[], options: SnapshotOptions): Promise<Snapshot> {
    const cluster = this.#cluster;
    const startedMs = performance.now();
    const timeoutMs = options.timeoutMs ?? cluster.nodes[0]?.pool.config.acquireTimeout ?? 0;
    const preferredMs = Math.min(options.preferredMs ?? PREFERRED_MS, timeoutMs);
    const preference = options.readPreference ?? this.#preference;
    const elapsedMs = () => performance.now() - startedMs;
    if (!cluster.hasLooked) await cluster.readers(preference, timeoutMs);
    for (;;) {
      const preferred = cluster.preferredReaders(preference);
      const isEarly = preferred.length > 0 && elapsedMs() < preferredMs;
      const asked = isEarly ? preferred : [...preferred, ...cluster.otherReaders(preference, preferred)];
      const { snapshot, failure } = await askInTurn(asked, statements, options);
      if (snapshot !== null) return snapshot;
      if (elapsedMs() + PAUSE_MS > timeoutMs && !isEarly) {
        // Who is primary may become known at the last moment; else this says why nobody is.
        if (asked.length === 0) await cluster.primary(1);
        throw failure ?? new DatabaseError('DB_NOT_FRESH', { context: { waitedMs: Math.round(elapsedMs()) } });
      }
      await sleep(PAUSE_MS, options.signal);
    }
  }
}

/** The failure is told only when no node has answered at all. */
async function askInTurn(
  nodes: readonly ClusterNode[],
  statements: readonly Statement[],
  { isFresh, onFailure }: SnapshotOptions,
): Promise<Round> {
  let isBehind = false;
  let failure: DatabaseError | null = null;
  for (const node of nodes) {
    try {
      const results = await readAt(node, statements);
      if (isFresh?.(results) ?? true) return { snapshot: { results, servedBy: node.name }, failure: null };
      isBehind = true;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      // One node's refusal is no reason why another should not answer.
      if ((error.retry === 'never' && !isAccessRefused(error)) || error.code === WRITES) throw error;
      onFailure?.(node.name, error);
      failure = error;
    }
  }
  return { snapshot: null, failure: isBehind ? null : failure };
}

function readAt(node: ClusterNode, statements: readonly Statement[]): Promise<readonly QueryResult<object>[]> {
  const { down, flights } = node;
  // One that is down is asked when nobody else answers: it has a moment.
  return flights.fly(statements, down.aborted ? { timeoutMs: DOWN_MS } : { signal: down });
}
