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
  await examineSettings(findings, replica, primary);
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

type Settings = {
  readonly version: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly paused: boolean;
};

/** What a standby acknowledges must be on its disk, and it must be able to take over. */
async function examineSettings(findings: Findings, replica: Session, primary: Session): Promise<void> {
  const load = async (session: Session, paused: string) => {
    const { rows } = await session.query<Settings>({
      text: `SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('fsync') AS fsync,
                    current_setting('full_page_writes') AS full_page_writes, ${paused} AS paused`,
    });
    return rows[0];
  };
  const [own, leader] = [await load(replica, 'pg_is_wal_replay_paused()'), await load(primary, 'false')];
  if (own === undefined || leader === undefined) throw new Error('a node tells its settings in one row');
  if (own.version === leader.version) findings.ok('version', `PostgreSQL ${own.version}`);
  else
    findings.fail(
      'version',
      `PostgreSQL ${own.version}, the primary is ${leader.version}`,
      'make it anew with the major version of the primary: WAL of another one cannot be replayed',
    );
  for (const name of ['fsync', 'full_page_writes'] as const) {
    if (own[name] === 'on') findings.ok(name, 'on');
    else
      findings.fail(name, own[name], `set ${name} = on: it acknowledges commits that its own crash would lose or tear`);
  }
  if (own.paused)
    findings.warn('replay', 'paused', 'SELECT pg_wal_replay_resume(): reads there are as old as the pause');
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
