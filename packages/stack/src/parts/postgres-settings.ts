import type { NodeName } from '../stack.ts';

export type StandbySource = {
  /** Port of the node whose WAL the standby receives. */
  readonly port: number;
  readonly password: string;
};

/** The two standbys whose flush a commit may wait for; the third is asynchronous. */
const QUORUM_CANDIDATES: readonly NodeName[] = ['replica-1', 'replica-2'];

const COMMON = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  max_wal_size: '8GB',
  min_wal_size: '1GB',
  // 16 MB of zeros for a new segment, on four nodes at once, hold every commit up for a tenth of a second.
  wal_init_zero: 'off',
  wal_level: 'replica',
  wal_keep_size: '512MB',
  wal_retrieve_retry_interval: '200ms',
  hot_standby: 'on',
  fsync: 'on',
  synchronous_commit: 'on',
  // The build has pglz alone, which costs more processor time than the bytes it saves here.
  wal_compression: 'off',
  shared_preload_libraries: 'pg_stat_statements',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_lock_waits: 'on',
  log_line_prefix: '%m [%p] %q%u@%d %a ',
} as const;

/** Memory is taken only as it is used; the standbys here serve small reads. */
const PRIMARY_BUFFERS = '1GB';

/** The settings file that every node includes last. */
export function nodeSettings(options: {
  readonly name: NodeName;
  readonly port: number;
  readonly source: StandbySource | null;
  readonly quorum: string;
  readonly extra: Readonly<Record<string, string>>;
}): string {
  const { name, port, source, quorum, extra } = options;
  const settings: Record<string, string> = {
    ...COMMON,
    shared_buffers: PRIMARY_BUFFERS,
    port: String(port),
    cluster_name: name,
    synchronous_standby_names: source === null ? quorum : '',
    primary_conninfo: source === null ? '' : conninfo(name, source),
    ...extra,
  };
  return `${Object.entries(settings)
    .map(([setting, value]) => `${setting} = '${value.replaceAll("'", "''")}'`)
    .join('\n')}\n`;
}

/** Everyone proves who they are, over TCP on this machine alone. */
export const HOST_RULES = `host all all 127.0.0.1/32 scram-sha-256
host replication tradestream_replicator 127.0.0.1/32 scram-sha-256
`;

/** Of the standbys that there are, those that the first primary may wait for. */
export function firstQuorumMembers(standbys: readonly NodeName[]): readonly NodeName[] {
  return standbys.filter((name) => QUORUM_CANDIDATES.includes(name));
}

/** `ANY 1` of the standbys; empty, which waits for none, when there are none. */
export function quorumOf(standbys: readonly NodeName[]): string {
  return standbys.length === 0 ? '' : `ANY 1 (${standbys.map((name) => `"${name}"`).join(', ')})`;
}

function conninfo(name: NodeName, source: StandbySource): string {
  return `host=127.0.0.1 port=${source.port} user=tradestream_replicator password=${source.password} application_name=${name}`;
}
