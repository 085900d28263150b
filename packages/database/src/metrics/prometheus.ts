import type { Figures } from '../manager/figures.ts';
import type { NodeStatus } from '../replication/cluster-node.ts';
import { HISTOGRAM_BOUNDS_MS, type HistogramCounts } from './histogram.ts';

/** Text exposition, version 0.0.4. Names and units as Prometheus has them: seconds, `_total` for what only grows. */
export function prometheusText(figures: Figures, nodes: readonly NodeStatus[]): string {
  return [
    ...gauge('database_connections_active', 'Connections that are lent', [['', figures.active]]),
    ...gauge('database_connections_idle', 'Connections that are ready', [['', figures.idle]]),
    ...gauge('database_connections_max', 'Connections that there may be', [['', figures.capacity]]),
    ...gauge('database_connections_waiting', 'Callers that wait for a connection', [['', figures.waiting]]),
    ...counter('database_connections_opened_total', 'Connections opened', figures.opened),
    ...counter('database_connect_failures_total', 'Attempts to connect that failed', figures.connectFailures),
    ...counter('database_acquire_timeouts_total', 'Callers that got no connection in time', figures.acquireTimeouts),
    ...counter('database_connection_leaks_total', 'Connections kept beyond the leak threshold', figures.leaks),
    ...counter('database_dirty_returns_total', 'Connections brought back inside a transaction', figures.dirtyReturns),
    ...gauge('database_queries_active', 'Statements under way', [['', figures.queriesActive]]),
    ...counter('database_queries_completed_total', 'Statements done', figures.queriesCompleted),
    ...counter('database_queries_failed_total', 'Statements failed', figures.queriesFailed),
    ...histogram('database_query_duration_seconds', 'Time of a statement', figures.queries),
    ...histogram('database_acquire_wait_seconds', 'Wait for a connection', figures.waits),
    ...histogram('database_connect_duration_seconds', 'Time to open a connection', figures.connects),
    ...histogram('database_connection_use_seconds', 'Time for which a connection is lent', figures.uses),
    ...gauge(
      'database_node_up',
      '1 for a node that is fit for use',
      perNode(nodes, (node) => (node.healthy ? 1 : 0)),
    ),
    ...gauge(
      'database_node_primary',
      '1 for the primary',
      perNode(nodes, (node) => (node.role === 'primary' ? 1 : 0)),
    ),
    ...gauge(
      'database_replication_lag_bytes',
      'Log not replayed yet',
      perNode(nodes, (node) => node.lagBytes),
    ),
    ...gauge(
      'database_replication_lag_seconds',
      'Age of the oldest write not replayed',
      perNode(nodes, (node) => node.lagSeconds),
    ),
    '',
  ].join('\n');
}

type Series = readonly (readonly [labels: string, value: number])[];

function perNode(nodes: readonly NodeStatus[], value: (node: NodeStatus) => number): Series {
  return nodes.map((node) => [`{node="${node.name.replaceAll(/["\\\n]/g, '_')}"}`, value(node)]);
}

function gauge(name: string, help: string, series: Series): readonly string[] {
  return metric(
    { name, help, type: 'gauge' },
    series.map(([labels, value]) => `${name}${labels} ${value}`),
  );
}

function counter(name: string, help: string, value: number): readonly string[] {
  return metric({ name, help, type: 'counter' }, [`${name} ${value}`]);
}

function histogram(name: string, help: string, counts: HistogramCounts): readonly string[] {
  let below = 0;
  const buckets = HISTOGRAM_BOUNDS_MS.map((bound, index) => {
    below += counts.buckets[index] ?? 0;
    return `${name}_bucket{le="${bound / 1_000}"} ${below}`;
  });
  return metric({ name, help, type: 'histogram' }, [
    ...buckets,
    `${name}_bucket{le="+Inf"} ${counts.count}`,
    `${name}_sum ${counts.sumMs / 1_000}`,
    `${name}_count ${counts.count}`,
  ]);
}

function metric(
  head: { readonly name: string; readonly help: string; readonly type: string },
  lines: readonly string[],
): readonly string[] {
  return [`# HELP ${head.name} ${head.help}`, `# TYPE ${head.name} ${head.type}`, ...lines];
}
