import { addressOf, type DatabaseConfig, type NodeAddress } from '../database-config.ts';
import { DatabaseError } from '../errors.ts';
import { type PoolSettings, type ResolvedPool, resolvePool } from '../pool/pool-config.ts';
import type { PoolEvent } from '../pool/pool-events.ts';
import type { ClusterEvent } from '../replication/cluster.ts';
import {
  type ReplicationConfig,
  type ResolvedReplication,
  resolveReplication,
} from '../replication/replication-config.ts';
import type { LongRunningPolicy } from '../transaction/long-running.ts';
import type { TransactionOptions } from '../transaction/transaction-config.ts';
import type { TransactionEvent } from '../transaction/transaction-manager.ts';

/** Replication in short: how many of `DATABASE_REPLICA_URLS` to use; or any part of the full form. */
export type ReplicationSettings = Partial<Omit<ReplicationConfig, 'replicas'>> & {
  /** false: the primary alone. Default true. */
  readonly enabled?: boolean;
  /** A number takes the first of `DATABASE_REPLICA_URLS`; a list names them. */
  readonly replicas?: number | readonly DatabaseConfig[];
};

export type DatabaseEvent = PoolEvent | ClusterEvent | TransactionEvent;

export type DatabaseManagerConfig = {
  /** The primary. Default: `replication.master`, else `DATABASE_URL`. */
  readonly database?: DatabaseConfig;
  /** Of each node. Either spelling. */
  readonly pool?: PoolSettings;
  readonly replication?: ReplicationSettings | ReplicationConfig;
  /** What each transaction has that does not say otherwise. */
  readonly transactions?: TransactionOptions;
  /** Looks for long running and idle transactions, and ends them by policy. */
  readonly monitor?: LongRunningPolicy;
  /** The primary's log on this machine, from which deadlocks are explained. */
  readonly serverLogFile?: string;
  /** Told of connections, nodes, failovers, retries and deadlocks. Must not throw. */
  readonly onEvent?: (event: DatabaseEvent) => void;
};

export type ResolvedManager = {
  /** The primary first. */
  readonly addresses: readonly NodeAddress[];
  readonly pool: ResolvedPool;
  readonly replication: ResolvedReplication;
};

type Env = Readonly<Record<string, string | undefined>>;

/** @throws {DatabaseError} DB_CONFIG_INVALID */
export function resolveManager(config: DatabaseManagerConfig, env: Env): ResolvedManager {
  const settings: ReplicationSettings = config.replication ?? { enabled: false };
  const { database } = config;
  const { master } = settings;
  if (database !== undefined && master !== undefined && JSON.stringify(database) !== JSON.stringify(master)) {
    throw invalid('`database` and `replication.master` both name the primary, and differ');
  }
  const primary = database ?? master ?? env['DATABASE_URL'];
  if (primary === undefined || primary === '')
    throw invalid('neither the configuration nor DATABASE_URL names the primary');
  const replicas = settings.enabled === false ? [] : chooseReplicas(settings.replicas ?? [], env);
  const addresses = [
    addressOf(primary, 'primary'),
    ...replicas.map((replica, index) => addressOf(replica, `replica-${index + 1}`)),
  ];
  if (new Set(addresses.map(({ name }) => name)).size < addresses.length) throw invalid('two nodes have the same name');
  const { replicas: _, ...rest } = settings;
  const replication = resolveReplication(rest, replicas.length > 0);
  const pool = resolvePool({ requireDurable: replication.syncMode === 'sync', ...config.pool });
  return { addresses, pool, replication };
}

function chooseReplicas(wanted: number | readonly DatabaseConfig[], env: Env): readonly DatabaseConfig[] {
  if (typeof wanted !== 'number') return wanted;
  const known = (env['DATABASE_REPLICA_URLS'] ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  if (!Number.isInteger(wanted) || wanted < 0)
    throw invalid(`replication.replicas must be a whole number, it is ${wanted}`);
  if (known.length < wanted)
    throw invalid(`${wanted} replicas are wanted and DATABASE_REPLICA_URLS names ${known.length}`);
  return known.slice(0, wanted);
}

function invalid(detail: string): DatabaseError {
  return new DatabaseError('DB_CONFIG_INVALID', { detail });
}
