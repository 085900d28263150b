import { openSession, type Session } from '@tradestream/database';
import { type Closeable, errorOf, RuntimeError, sleep, waitFor } from '@tradestream/runtime';
import { ReplayLag } from './replay-lag.ts';
import type { SessionNode } from './session-node.ts';

const EVERY_MS = 500;
const ANSWER_MS = 1_000;
/** Questions left unanswered in turn after which a node is down: one may be this process's own delay. */
const SILENCES_MAX = 2;

/** Bytes of the log that the node has written or replayed. */
const POSITION = `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
  - '0/0'::pg_lsn)::text AS position`;

/**
 * Asks every node where it is, each on a connection of its own, so that a node which is gone, frozen
 * or behind is known before a reader waits for it. How late a replica is, is measured against what
 * the primary said earlier on this machine's own clock; an idle primary makes nobody late.
 */
export class NodeWatch implements Closeable {
  readonly #stopping = new AbortController();
  readonly #lag = new ReplayLag();
  readonly #watching: Promise<unknown>;

  constructor(nodes: { readonly primary: SessionNode; readonly replicas: readonly SessionNode[] }) {
    const all = [nodes.primary, ...nodes.replicas];
    this.#watching = Promise.all(all.map(async (node) => await this.#watch(node, node === nodes.primary)));
  }

  async close(): Promise<void> {
    this.#stopping.abort(new Error('the watch is closed'));
    await this.#watching;
  }

  async #watch(node: SessionNode, isPrimary: boolean): Promise<void> {
    const { signal } = this.#stopping;
    let session: Session | null = null;
    let silences = 0;
    while (!signal.aborted) {
      try {
        session ??= await openSession({ ...node.connection, connectTimeoutMs: ANSWER_MS, signal });
        const asked = session.query<{ position: string }>({ text: POSITION });
        const { rows } = await waitFor(asked, { timeoutMs: ANSWER_MS, signal, stage: `ask ${node.name}` });
        const position = BigInt(rows[0]?.position ?? '0');
        const nowMs = performance.now();
        silences = 0;
        if (isPrimary) this.#lag.note(position, nowMs);
        node.markUp(isPrimary ? 0 : this.#lag.of(position, nowMs));
      } catch (error) {
        silences = error instanceof RuntimeError ? silences + 1 : SILENCES_MAX;
        if (silences >= SILENCES_MAX && !signal.aborted) node.markDown(errorOf(error));
        void session?.close();
        session = null;
      }
      await sleep(EVERY_MS, signal).catch(() => undefined);
    }
    await session?.close();
  }
}
