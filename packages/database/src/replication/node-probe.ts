import { errorOf, waitFor } from '@tradestream/runtime';
import type { NodeAddress } from '../database-config.ts';
import { openSession } from '../driver/open-session.ts';
import { DatabaseError } from '../errors.ts';
import type { PoolSession } from '../session.ts';
import { parseLsn } from './lsn.ts';

export type SyncState = 'sync' | 'quorum' | 'potential' | 'async';

/** A standby as the primary sees it; null where the role may not see it. */
export type StandbyReading = {
  readonly name: string;
  readonly syncState: SyncState | null;
};

/** One look at a node. */
export type NodeReading = {
  readonly systemIdentifier: string;
  readonly inRecovery: boolean;
  readonly timeline: number | null;
  /** Written, on a primary; replayed, on a standby. */
  readonly lsn: bigint;
  readonly replayPaused: boolean;
  /** `cluster_name`, by which a primary knows its standbys unless they are given another name. */
  readonly clusterName: string;
  readonly standbys: readonly StandbyReading[];
  readonly latencyMs: number;
};

type Row = {
  readonly systemIdentifier: string;
  readonly inRecovery: boolean;
  readonly timeline: number | null;
  readonly lsn: string;
  readonly replayPaused: boolean;
  readonly clusterName: string;
  readonly standbys: readonly StandbyReading[] | null;
};

// The first eight digits of a WAL file's name are the timeline: exact on a primary from the moment of its
// promotion, while the control file follows at the next checkpoint.
const LOOK = `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
    recovery AS "inRecovery",
    CASE WHEN recovery THEN (SELECT received_tli FROM pg_stat_wal_receiver)
      ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END AS timeline,
    (CASE WHEN recovery THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_insert_lsn() END)::text AS lsn,
    CASE WHEN recovery THEN pg_is_wal_replay_paused() ELSE false END AS "replayPaused",
    current_setting('cluster_name') AS "clusterName",
    CASE WHEN recovery THEN NULL ELSE
      (SELECT json_agg(json_build_object('name', application_name, 'syncState', sync_state)) FROM pg_stat_replication)
    END AS standbys
  FROM (SELECT pg_is_in_recovery() AS recovery) AS here`;

/** Looks at one node over a connection of its own, so that an exhausted pool is not a dead server. */
export class NodeProbe {
  readonly #address: NodeAddress;
  readonly #applicationName: string;
  #session: PoolSession | null = null;

  constructor(address: NodeAddress, applicationName: string) {
    this.#address = address;
    this.#applicationName = applicationName;
  }

  /** @throws {DatabaseError} when the node cannot be looked at within the time */
  async look(timeoutMs: number): Promise<NodeReading> {
    const deadlineMs = performance.now() + timeoutMs;
    const kept = this.#session;
    if (kept !== null && !kept.closed.aborted) {
      try {
        return await this.#ask(kept, deadlineMs);
      } catch (error) {
        this.#drop(errorOf(error));
        // It may only have been this session that ended: a fresh one tells.
        if (performance.now() >= deadlineMs) throw typed(error);
      }
    }
    try {
      this.#session = await openSession({
        url: this.#address.url,
        applicationName: this.#applicationName,
        connectTimeoutMs: Math.max(1, deadlineMs - performance.now()),
      });
      return await this.#ask(this.#session, deadlineMs);
    } catch (error) {
      this.#drop(errorOf(error));
      throw typed(error);
    }
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }

  async #ask(session: PoolSession, deadlineMs: number): Promise<NodeReading> {
    const startedMs = performance.now();
    const timeoutMs = Math.max(1, deadlineMs - startedMs);
    const { rows } = await waitFor(session.query<Row>({ text: LOOK, name: 'look' }), {
      timeoutMs,
      stage: 'look at a node',
    });
    const [row] = rows;
    if (row === undefined) throw new DatabaseError('DB_CONNECTION_LOST', { detail: 'no answer' });
    return {
      ...row,
      lsn: parseLsn(row.lsn),
      standbys: row.standbys ?? [],
      latencyMs: performance.now() - startedMs,
    };
  }

  #drop(reason: Error): void {
    this.#session?.destroy(reason);
    this.#session = null;
  }
}

function typed(error: unknown): DatabaseError {
  return error instanceof DatabaseError ? error : new DatabaseError('DB_CONNECTION_FAILED', { cause: errorOf(error) });
}
