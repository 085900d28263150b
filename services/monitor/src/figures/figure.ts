/** One number with its name and labels, as `/metrics` shows it, history keeps it and rules read it. */
export type Figure = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** What a figure is, for `/metrics` and the generated table. */
export type FigureSpec = { readonly help: string; readonly labels: readonly string[]; readonly kept: boolean };

const PLACE = ['cluster_name', 'group', 'topic', 'partition', 'member_host', 'consumer_id', 'client_id'] as const;

/**
 * Every figure. Those of lag have the names of kafka-lag-exporter. `kept`: its history is kept; by
 * partition it is not, so that the history's size does not grow with the cluster.
 */
export const FIGURES = {
  kafka_consumergroup_group_lag: { help: 'Records behind, by partition', labels: PLACE, kept: false },
  kafka_consumergroup_group_lag_seconds: { help: 'Age of the next unread record', labels: PLACE, kept: false },
  kafka_consumergroup_group_offset: { help: 'Committed offset', labels: PLACE, kept: false },
  kafka_consumergroup_group_max_lag: { help: 'Most records behind', labels: ['cluster_name', 'group'], kept: false },
  kafka_consumergroup_group_max_lag_seconds: {
    help: 'Age of the oldest unread record',
    labels: ['cluster_name', 'group'],
    kept: true,
  },
  kafka_consumergroup_group_sum_lag: { help: 'Records behind', labels: ['cluster_name', 'group'], kept: true },
  kafka_consumergroup_group_topic_sum_lag: {
    help: 'Records behind, by topic',
    labels: ['cluster_name', 'group', 'topic'],
    kept: false,
  },
  kafka_partition_latest_offset: {
    help: 'Offset after the last record',
    labels: ['cluster_name', 'topic', 'partition'],
    kept: false,
  },
  kafka_partition_earliest_offset: {
    help: 'First offset that is kept',
    labels: ['cluster_name', 'topic', 'partition'],
    kept: false,
  },
  tradestream_group_verdict: {
    help: '0 OK, 1 WARN, 2 REWIND, 3 STALL, 4 STOP; kind `database`: by the offset that the database holds',
    labels: ['kind', 'group'],
    kept: false,
  },
  tradestream_group_lost_records: {
    help: 'Records that retention took before they were consumed',
    labels: ['group'],
    kept: false,
  },
  tradestream_group_loss_margin_seconds: {
    help: 'Until retention takes the next unread record',
    labels: ['group'],
    kept: false,
  },
  tradestream_database_lag_records: { help: 'Records behind, by the database', labels: ['reader'], kept: true },
  tradestream_database_lag_seconds: {
    help: 'Age of the next record, by the database',
    labels: ['reader'],
    kept: true,
  },
  tradestream_source_up: { help: 'Whether a source answers the monitor', labels: ['source'], kept: false },
  tradestream_service_up: { help: 'Whether a service shows its metrics', labels: ['name'], kept: false },
  tradestream_node_up: { help: 'Whether a database node answers', labels: ['node'], kept: false },
  tradestream_node_query_seconds: { help: 'Round trip of a query', labels: ['node'], kept: true },
  tradestream_replication_lag_bytes: { help: 'WAL not yet replayed', labels: ['node'], kept: true },
  tradestream_replication_lag_seconds: {
    help: 'Since the primary was where the replica is',
    labels: ['node'],
    kept: true,
  },
  tradestream_replay_paused: { help: '1 while replay is paused', labels: ['node'], kept: false },
  tradestream_wal_receiver_up: { help: '1 while WAL is streamed', labels: ['node'], kept: false },
  tradestream_replication_conflicts: { help: 'Queries cancelled by replay', labels: ['node'], kept: false },
  tradestream_slot_retained_bytes: { help: 'WAL that a slot holds back', labels: ['slot'], kept: false },
  tradestream_commands_produced_rate: { help: 'Records appended a second', labels: [], kept: true },
  tradestream_commands_applied_rate: { help: 'Records taken up by the ledger a second', labels: [], kept: true },
  tradestream_events_published_rate: { help: 'Events appended a second', labels: [], kept: true },
  tradestream_relay_lag_events: { help: 'Durable events not yet published', labels: [], kept: true },
  tradestream_relay_lag_seconds: { help: 'Since the relay last moved with events waiting', labels: [], kept: true },
  tradestream_relay_verdict: { help: 'As tradestream_group_verdict', labels: [], kept: false },
  tradestream_projection_lag_events: { help: 'Events not yet projected', labels: ['projection'], kept: true },
  tradestream_sessions: { help: 'Connections of a service to the primary', labels: ['role'], kept: false },
  tradestream_parked_records: { help: 'Records set aside', labels: [], kept: true },
  tradestream_parked_keys: { help: 'Keys with a record that others wait behind', labels: [], kept: true },
  tradestream_parked_rate: { help: 'Records set aside a second', labels: [], kept: true },
  tradestream_paused_partitions: { help: 'Partitions paused by a full queue', labels: [], kept: true },
  tradestream_parked_oldest_seconds: { help: 'Age of the oldest parked record', labels: [], kept: false },
  tradestream_deadlocks_rate: { help: 'Deadlocks a second', labels: [], kept: true },
  tradestream_retries_rate: { help: 'Batches tried again a second', labels: ['code'], kept: true },
  tradestream_rejections_rate: { help: 'Commands rejected a second', labels: ['reason'], kept: true },
  tradestream_errors_rate: { help: 'Database errors a second', labels: ['type'], kept: true },
  tradestream_command_error_ratio: { help: 'Parked commands by all commands', labels: [], kept: true },
  tradestream_connection_usage_percent: { help: 'Connections of max_connections', labels: [], kept: true },
  tradestream_lock_waiters: { help: 'Sessions that wait for a lock', labels: [], kept: false },
  tradestream_pool_waiters: { help: 'Callers of a service that wait for a connection', labels: ['name'], kept: true },
  tradestream_pool_wait_seconds_mean: { help: 'Wait of its callers for a connection', labels: ['name'], kept: true },
  tradestream_database_error_ratio: { help: 'Failed statements of a service by all', labels: ['name'], kept: true },
  tradestream_slow_statement_ratio: {
    help: 'Statements of a service that take more than a second, by all',
    labels: ['name'],
    kept: true,
  },
  tradestream_standby_waiters: { help: 'Commits that wait for a standby', labels: [], kept: false },
  tradestream_oldest_transaction_seconds: { help: 'Age of the oldest transaction', labels: [], kept: true },
  tradestream_batch_commands_mean: { help: 'Commands of a batch', labels: [], kept: true },
  tradestream_batch_seconds_mean: { help: 'Duration of a batch', labels: [], kept: true },
  tradestream_jobs_failed: {
    help: 'Jobs that failed within the last hour and were not taken up again',
    labels: ['kind'],
    kept: false,
  },
  tradestream_job_stalled_seconds: {
    help: 'Since the unfinished job that stands still the longest got further',
    labels: ['kind'],
    kept: false,
  },
  tradestream_retention_blocked_seconds: {
    help: 'Since events are old enough to leave the ledger and something stands against it; none while nothing does',
    labels: ['by'],
    kept: false,
  },
  tradestream_alerts_firing: { help: 'Alerts of a rule that fire', labels: ['name', 'severity'], kept: false },
  tradestream_reconciliation_ok: {
    help: '1 when the last reconciliation found no contradiction',
    labels: [],
    kept: false,
  },
  tradestream_canary_up: { help: '1 while the canary comes back in time', labels: [], kept: false },
  tradestream_canary_applied_seconds: { help: 'From publishing to the receipt', labels: [], kept: true },
  tradestream_canary_visible_seconds: { help: 'From publishing to sight on a replica', labels: [], kept: true },
} as const satisfies Readonly<Record<string, FigureSpec>>;

export type FigureName = keyof typeof FIGURES;

/** A figure, unless its value is not known: then there is none, never 0. */
export function figure(
  name: FigureName,
  value: number | boolean | null | undefined,
  labels: Readonly<Record<string, string>> = {},
): readonly Figure[] {
  return value === null || value === undefined ? [] : [{ name, labels, value: Number(value) }];
}
