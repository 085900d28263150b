import type { HealthStatus } from '../pool/connection-manager.ts';
import type { NodeStatus } from '../replication/cluster-node.ts';
import type { ReplicationStatus } from '../replication/replication-status.ts';
import type { Figures } from './figures.ts';

/** What metrics and health checks look at: a DatabaseManager is one. */
export interface Observed {
  figures(): Figures;
  nodes(): readonly NodeStatus[];
  healthCheck(timeoutMs?: number): Promise<readonly HealthStatus[]>;
  replicationStatus(timeoutMs?: number): Promise<ReplicationStatus>;
}
