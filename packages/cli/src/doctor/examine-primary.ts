import { existsSync } from 'node:fs';
import type { Session } from '@tradestream/database';
import { examineDisk } from './examine-host.ts';
import type { Findings } from './finding.ts';

const VERSION_MIN = 15;
const CONNECTIONS_WARN = 0.8;
const SKEW_WARN_MS = 1_000;
const SKEW_FAIL_MS = 30_000;

/** The primary: version, clock, and the settings without which what was acknowledged can be lost. */
export async function examinePrimary(findings: Findings, session: Session): Promise<void> {
  const settings = await loadSettings(session);
  const setting = (name: string) => settings.get(name) ?? '';
  const version = setting('server_version');
  if (Number(version.split('.')[0]) >= VERSION_MIN) findings.ok('version', `PostgreSQL ${version}`);
  else findings.fail('version', `PostgreSQL ${version}`, `use PostgreSQL ${VERSION_MIN} or later`);
  for (const name of ['fsync', 'full_page_writes']) {
    if (setting(name) === 'on') findings.ok(name, 'on');
    else findings.fail(name, setting(name), `set ${name} = on: a crash would lose or tear what was acknowledged`);
  }
  if (setting('data_checksums') === 'on') findings.ok('data_checksums', 'on');
  else
    findings.warn(
      'data_checksums',
      setting('data_checksums'),
      'run pg_checksums --enable: damage on the disk would go unseen',
    );
  await examineSynchronousCommit(findings, session, setting('synchronous_commit'));
  await examineStandbys(findings, session, setting('synchronous_standby_names'));
  await examineSlots(findings, session, setting('max_slot_wal_keep_size'));
  await examineConnections(findings, session);
  await examineClock(findings, session);
  const folder = setting('data_directory');
  if (folder !== '' && existsSync(folder)) examineDisk(findings, folder);
}

async function loadSettings(session: Session): Promise<ReadonlyMap<string, string>> {
  const { rows } = await session.query<{ name: string; setting: string }>({
    text: 'SELECT name, setting FROM pg_settings',
  });
  return new Map(rows.map(({ name, setting }) => [name, setting]));
}

/** A role or database may have a setting of its own, which wins. */
async function examineSynchronousCommit(findings: Findings, session: Session, setting: string): Promise<void> {
  const mend = 'set synchronous_commit = on: COMMIT would be answered before it is safe';
  if (setting === 'off' || setting === 'local') findings.fail('synchronous_commit', setting, mend);
  else findings.ok('synchronous_commit', setting);
  const { rows } = await session.query<{ role: string | null; database: string | null; setting: string }>({
    text: `SELECT r.rolname AS role, d.datname AS database, setting FROM pg_db_role_setting AS s
           CROSS JOIN LATERAL unnest(s.setconfig) AS setting
           LEFT JOIN pg_roles AS r ON r.oid = s.setrole LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
           WHERE setting ~ '^synchronous_commit=(off|local|false|no|0)$'`,
  });
  for (const row of rows) {
    const whose = [
      row.role === null ? '' : `role ${row.role}`,
      row.database === null ? '' : `database ${row.database}`,
    ];
    findings.fail(
      'synchronous_commit',
      `${row.setting} of ${whose.filter((name) => name !== '').join(' in ')}`,
      'reset it: ALTER ROLE or ALTER DATABASE ... RESET synchronous_commit',
    );
  }
}

async function examineStandbys(findings: Findings, session: Session, names: string): Promise<void> {
  const { rows } = await session.query<{ name: string; sync: string }>({
    text: `SELECT application_name AS name, sync_state AS sync FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1`,
  });
  const synchronous = rows.filter(({ sync }) => sync === 'sync' || sync === 'quorum');
  const streaming = rows.map(({ name, sync }) => `${name} ${sync}`).join(', ');
  if (names === '') {
    findings.warn(
      'synchronous_standby_names',
      'empty',
      'name a quorum, as ANY 1 (a, b): a failover could lose what was acknowledged',
    );
  } else if (synchronous.length === 0) {
    findings.fail(
      'synchronous_standby_names',
      `${names}; none of them streams`,
      'bring a named standby back: until then no COMMIT is answered',
    );
  } else {
    findings.ok('synchronous_standby_names', names);
  }
  if (rows.length > 0) findings.ok('standbys', streaming);
  else findings.warn('standbys', 'none streams', 'start a standby: there is one copy of the ledger');
}

/** WAL that a slot waits for is kept until the disk is full. */
async function examineSlots(findings: Findings, session: Session, keep: string): Promise<void> {
  const { rows } = await session.query<{ name: string; mib: number }>({
    text: `SELECT slot_name AS name, round(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) / 1048576)::float8 AS mib
           FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY 1`,
  });
  if (rows.length === 0) findings.ok('slots', 'none is left behind');
  for (const { name, mib } of rows) {
    const bound = keep === '-1' ? 'without a bound: set max_slot_wal_keep_size, and' : 'up to max_slot_wal_keep_size:';
    findings.warn(
      'slots',
      `${name} is not used and holds back ${mib} MiB of WAL`,
      `it fills the disk ${bound} start its standby, or SELECT pg_drop_replication_slot('${name}')`,
    );
  }
}

async function examineConnections(findings: Findings, session: Session): Promise<void> {
  const { rows } = await session.query<{ used: number; most: number }>({
    text: `SELECT count(*)::int AS used, current_setting('max_connections')::int AS most
           FROM pg_stat_activity WHERE backend_type = 'client backend'`,
  });
  const { used = 0, most = 1 } = rows[0] ?? {};
  const found = `${used} of ${most} taken`;
  if (used <= most * CONNECTIONS_WARN) findings.ok('connections', found);
  else findings.warn('connections', found, 'see the runbook connections: new sessions are refused when all are taken');
}

/** The middle of the question and its answer is when the server looked at its clock. */
async function examineClock(findings: Findings, session: Session): Promise<void> {
  const beforeMs = Date.now();
  const { rows } = await session.query<{ now: number }>({
    text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
  });
  const skewMs = Math.round((rows[0]?.now ?? 0) - (beforeMs + Date.now()) / 2);
  const found = `${skewMs} ms from this machine`;
  const mend = 'let both machines follow a time server: lag in seconds and expiry are measured by these clocks';
  if (Math.abs(skewMs) > SKEW_FAIL_MS) findings.fail('clock', found, mend);
  else if (Math.abs(skewMs) > SKEW_WARN_MS) findings.warn('clock', found, mend);
  else findings.ok('clock', found);
}
