import type { Session } from '@tradestream/database';
import type { Findings } from './finding.ts';

const LAG_WARN_BYTES = 64 * 2 ** 20;

type Node = { readonly standby: boolean; readonly system: string; readonly timeline: number; readonly lsn: string };

/** A replica: that it follows this primary, and how far behind it is. */
export async function examineReplica(findings: Findings, replica: Session, primary: Session): Promise<void> {
  const leader = await describeNode(primary);
  const node = await describeNode(replica);
  if (!node.standby) {
    findings.fail('role', 'not a standby', 'make it one, or take it out of the list: it goes on without the primary');
    return;
  }
  findings.ok('role', 'standby');
  if (node.system !== leader.system) {
    findings.fail('source', 'of another database system', 'take it out of the list: it holds other data');
  } else if (node.timeline !== leader.timeline) {
    findings.fail(
      'source',
      `on timeline ${node.timeline}, the primary is on ${leader.timeline}`,
      'make it anew from the primary, or let it follow the new timeline',
    );
  } else {
    findings.ok('source', `timeline ${node.timeline}`);
  }
  const { rows } = await primary.query<{ lag: number }>({
    text: 'SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn)::float8 AS lag',
    values: [node.lsn],
  });
  const lag = Math.max(0, rows[0]?.lag ?? 0);
  if (lag <= LAG_WARN_BYTES) findings.ok('replay', `${lag} bytes behind`);
  else
    findings.warn(
      'replay',
      `${lag} bytes behind`,
      'see whether its replay is paused or its disk is slow; reads go elsewhere meanwhile',
    );
}

async function describeNode(session: Session): Promise<Node> {
  const { rows } = await session.query<Node>({
    text: `SELECT pg_is_in_recovery() AS standby, s.system_identifier::text AS system,
                  CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
                  CASE WHEN pg_is_in_recovery() THEN c.timeline_id
                       ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline
           FROM pg_control_system() AS s, pg_control_checkpoint() AS c`,
  });
  const [node] = rows;
  if (node === undefined) throw new Error('a node describes itself in one row');
  return node;
}
