import type { NodeStatus } from './cluster-node.ts';

/** The cluster as it was seen last. */
export type ReplicationStatus = {
  /** A primary is known, every node is fit, and in mode `sync` a standby confirms its commits. */
  readonly healthy: boolean;
  readonly primary: string | null;
  readonly timeline: number;
  readonly systemIdentifier: string | null;
  readonly syncMode: 'sync' | 'async';
  readonly nodes: readonly NodeStatus[];
  /** Of the replica furthest behind. */
  readonly maxLagBytes: number;
  readonly maxLagSeconds: number;
  /** What is wrong, for people. */
  readonly problems: readonly string[];
};

export function replicationStatus(cluster: {
  readonly primaryName: string | null;
  readonly timeline: number;
  readonly systemIdentifier: string | null;
  readonly syncMode: 'sync' | 'async';
  readonly nodes: readonly NodeStatus[];
  /** Whether a standby, of ours or not, confirms commits; null where that may not be seen. */
  readonly isConfirmed: boolean | null;
}): ReplicationStatus {
  const { primaryName, nodes, syncMode, timeline, systemIdentifier, isConfirmed } = cluster;
  const replicas = nodes.filter((node) => node.name !== primaryName);
  const problems = [
    ...(primaryName === null ? ['no node is the primary'] : []),
    ...nodes.filter((node) => !node.healthy).map((node) => `${node.name} is ${node.state}${reasonOf(node)}`),
    ...(syncMode === 'sync' && isConfirmed === false ? ['no standby confirms the commits of the primary'] : []),
  ];
  return {
    healthy: problems.length === 0,
    primary: primaryName,
    timeline,
    systemIdentifier,
    syncMode,
    nodes,
    maxLagBytes: Math.max(0, ...replicas.map((node) => node.lagBytes)),
    maxLagSeconds: Math.max(0, ...replicas.map((node) => node.lagSeconds)),
    problems,
  };
}

function reasonOf(node: NodeStatus): string {
  if (node.reason !== null) return ` (${node.reason})`;
  return node.state === 'lagging' ? ` (${node.lagBytes} bytes, ${node.lagSeconds} s behind)` : '';
}
