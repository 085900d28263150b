import type { NodeLink } from '../sources/node-link.ts';

/** What a node says of itself. Positions are bytes of WAL. */
export type NodeSample = {
  readonly standby: boolean;
  /** Written by a primary, replayed by a standby. */
  readonly position: number;
  readonly received: number | null;
  readonly paused: boolean | null;
  /** State of the WAL receiver; null when none runs. */
  readonly receiver: string | null;
  /** The name by which the primary knows this standby. */
  readonly standbyName: string;
  readonly timeline: number | null;
  readonly conflicts: number;
  readonly lastReplaySeconds: number | null;
  /** Of a primary. */
  readonly standbys: readonly { readonly name: string; readonly state: string; readonly syncState: string }[];
  readonly slots: readonly {
    readonly name: string;
    readonly active: boolean;
    readonly retainedBytes: number | null;
    readonly status: string;
  }[];
};

// CASE keeps each function from the role in which it raises.
const NODE = `
  SELECT s.standby,
    pg_wal_lsn_diff(CASE WHEN s.standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::float8 AS position,
    pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::float8 AS received,
    CASE WHEN s.standby THEN pg_is_wal_replay_paused() END AS paused,
    r.status AS receiver,
    coalesce(substring(r.conninfo FROM 'application_name=([^ ]+)'), current_setting('cluster_name')) AS "standbyName",
    coalesce(r.received_tli, (SELECT timeline_id FROM pg_control_checkpoint())) AS timeline,
    (SELECT coalesce(sum(confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock), 0)::float8
      FROM pg_stat_database_conflicts) AS conflicts,
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS "lastReplaySeconds",
    CASE WHEN s.standby THEN '[]' ELSE
      (SELECT coalesce(jsonb_agg(jsonb_build_object('name', application_name, 'state', state, 'syncState', sync_state)), '[]')
       FROM pg_stat_replication) END AS standbys,
    CASE WHEN s.standby THEN '[]' ELSE
      (SELECT coalesce(jsonb_agg(jsonb_build_object('name', slot_name, 'active', active, 'status', coalesce(wal_status, 'lost'),
        'retainedBytes', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))), '[]')
       FROM pg_replication_slots) END AS slots
  FROM (SELECT pg_is_in_recovery() AS standby) AS s LEFT JOIN pg_stat_wal_receiver AS r ON true`;

/** One reading of a node; cheap, also on a standby. */
export async function sampleNode(link: NodeLink): Promise<NodeSample> {
  const [row] = await link.query<NodeSample>({ text: NODE, name: 'node' });
  if (row === undefined) throw new Error('a node says one row of itself');
  return row;
}
