import type { LagAnswer, LagGroup, LagState, PipelineAnswer, ReplicationAnswer } from '@tradestream/answers';
import type { BlockedRemoval } from '@tradestream/recovery';
import type { JobsSample } from '../pipeline/sample-jobs.ts';
import { type Figure, figure } from './figure.ts';

const VERDICTS: Readonly<Record<LagState, number>> = { OK: 0, WARN: 1, REWIND: 2, STALL: 3, STOP: 4 };

/** What is known at one time; null where the source does not answer. */
export type Known = {
  readonly clusterName: string;
  readonly lag: LagAnswer | null;
  readonly replication: ReplicationAnswer;
  readonly pipeline: PipelineAnswer;
  readonly relayVerdict: LagState;
  readonly parkedPerSecond: number | null;
  readonly jobs: JobsSample;
  readonly blockedRemoval: BlockedRemoval | null;
  readonly sources: Readonly<Record<string, boolean>>;
  readonly querySeconds: ReadonlyMap<string, number>;
};

/** Every figure of what is known. */
export function figuresOf(known: Known): readonly Figure[] {
  const { lag, clusterName, sources } = known;
  return [
    ...(lag === null ? [] : lag.groups.flatMap((group) => groupFigures(group, clusterName))),
    ...(lag === null ? [] : topicFigures(lag, clusterName)),
    ...(lag === null ? [] : lag.database.flatMap(databaseFigures)),
    ...Object.entries(sources).flatMap(([source, up]) => figure('tradestream_source_up', up, { source })),
    ...replicationFigures(known),
    ...pipelineFigures(known),
    ...known.jobs.flatMap(jobFigures),
    ...blockedFigures(known.blockedRemoval),
  ];
}

function groupFigures(group: LagGroup, clusterName: string): readonly Figure[] {
  const whole = { cluster_name: clusterName, group: group.group };
  const byTopic = Map.groupBy(group.partitions, ({ topic }) => topic);
  const margins = group.partitions.map(({ secondsUntilLoss }) => secondsUntilLoss).filter((each) => each !== null);
  const lags = group.partitions.map(({ lag }) => lag).filter((each) => each !== null);
  return [
    ...group.partitions.flatMap((each) => {
      const labels = {
        ...whole,
        topic: each.topic,
        partition: String(each.partition),
        member_host: each.host ?? '',
        consumer_id: each.memberId ?? '',
        client_id: each.clientId ?? '',
      };
      return [
        ...figure('kafka_consumergroup_group_lag', each.lag, labels),
        ...figure('kafka_consumergroup_group_lag_seconds', each.lagSeconds, labels),
        ...figure('kafka_consumergroup_group_offset', each.committed, labels),
      ];
    }),
    ...figure('kafka_consumergroup_group_max_lag', lags.length === 0 ? null : Math.max(...lags), whole),
    ...figure('kafka_consumergroup_group_max_lag_seconds', group.maxLagSeconds, whole),
    ...figure('kafka_consumergroup_group_sum_lag', group.totalLag, whole),
    ...[...byTopic].flatMap(([topic, partitions]) =>
      figure('kafka_consumergroup_group_topic_sum_lag', sumOf(partitions.map((each) => each.lag)), { ...whole, topic }),
    ),
    ...figure('tradestream_group_verdict', VERDICTS[group.verdict], { kind: 'group', group: group.group }),
    ...figure('tradestream_group_lost_records', sumOf(group.partitions.map(({ lost }) => lost)), {
      group: group.group,
    }),
    ...figure('tradestream_group_loss_margin_seconds', margins.length === 0 ? null : Math.min(...margins), {
      group: group.group,
    }),
  ];
}

function topicFigures({ groups, database }: LagAnswer, clusterName: string): readonly Figure[] {
  const seen = new Map(
    [...groups, ...database].flatMap(({ partitions }) =>
      partitions.map((each) => [`${each.topic}/${each.partition}`, each] as const),
    ),
  );
  return [...seen.values()].flatMap(({ topic, partition, start, end }) => {
    const labels = { cluster_name: clusterName, topic, partition: String(partition) };
    return [
      ...figure('kafka_partition_latest_offset', end, labels),
      ...figure('kafka_partition_earliest_offset', start, labels),
    ];
  });
}

function databaseFigures({ group, verdict, totalLag, maxLagSeconds }: LagGroup): readonly Figure[] {
  return [
    ...figure('tradestream_group_verdict', VERDICTS[verdict], { kind: 'database', group }),
    ...figure('tradestream_database_lag_records', totalLag, { reader: group }),
    ...figure('tradestream_database_lag_seconds', maxLagSeconds, { reader: group }),
  ];
}

function replicationFigures({ replication, querySeconds }: Known): readonly Figure[] {
  const nodes = replication.nodes.flatMap((each) => {
    const node = { node: each.name };
    const isUp = each.timeline !== null;
    const standby = isUp && each.role === 'replica';
    return [
      ...figure('tradestream_node_up', isUp, node),
      ...figure('tradestream_node_query_seconds', querySeconds.get(each.name), node),
      ...figure('tradestream_replication_lag_bytes', each.lagBytes, node),
      ...figure('tradestream_replication_lag_seconds', each.lagSeconds, node),
      ...figure('tradestream_replay_paused', standby ? each.replayPaused : null, node),
      ...figure('tradestream_wal_receiver_up', standby ? each.streaming : null, node),
      ...figure('tradestream_replication_conflicts', each.conflicts, node),
    ];
  });
  const slots = replication.slots.flatMap(({ name, retainedBytes }) =>
    figure('tradestream_slot_retained_bytes', retainedBytes, { slot: name }),
  );
  return [...nodes, ...slots];
}

function pipelineFigures({ pipeline, relayVerdict, parkedPerSecond }: Known): readonly Figure[] {
  const { throughput, relay, projections, parked, rates, database, batches, pools, services, canary, reconciliation } =
    pipeline;
  const isKnown = relay.lagEvents !== null;
  const commands = Object.values(rates.commands).reduce((sum, rate) => sum + rate, 0);
  const parkedRatio = commands === 0 ? null : (rates.commands['parked'] ?? 0) / commands;
  return [
    ...figure('tradestream_commands_produced_rate', throughput.produced),
    ...figure('tradestream_commands_applied_rate', throughput.applied),
    ...figure('tradestream_events_published_rate', throughput.published),
    ...figure('tradestream_relay_lag_events', relay.lagEvents),
    ...figure('tradestream_relay_lag_seconds', relay.lagSeconds),
    ...figure('tradestream_relay_verdict', isKnown ? VERDICTS[relayVerdict] : null),
    ...projections.flatMap(({ name, lagEvents }) =>
      figure('tradestream_projection_lag_events', lagEvents, { projection: name }),
    ),
    ...figure('tradestream_sessions', database.workers, { role: 'worker' }),
    ...figure('tradestream_sessions', database.projectors, { role: 'projector' }),
    ...figure('tradestream_parked_records', parked.records),
    ...figure('tradestream_parked_keys', parked.keys),
    ...figure('tradestream_parked_rate', parkedPerSecond === null ? null : Math.max(0, parkedPerSecond)),
    ...figure('tradestream_parked_oldest_seconds', parked.oldestSeconds),
    ...figure('tradestream_paused_partitions', pipeline.pausedPartitions),
    ...figure('tradestream_deadlocks_rate', rates.deadlocks),
    ...byLabel('tradestream_retries_rate', 'code', rates.retries),
    ...byLabel('tradestream_rejections_rate', 'reason', rates.rejections),
    ...byLabel('tradestream_errors_rate', 'type', rates.errors),
    ...figure('tradestream_command_error_ratio', parkedRatio),
    ...figure('tradestream_connection_usage_percent', database.usagePercent),
    ...figure('tradestream_lock_waiters', database.waitingForLocks),
    ...pools.flatMap(({ service: name, waiting, waitSecondsMean, errorRatio, slowRatio }) => [
      ...figure('tradestream_pool_waiters', waiting, { name }),
      ...figure('tradestream_pool_wait_seconds_mean', waitSecondsMean, { name }),
      ...figure('tradestream_database_error_ratio', errorRatio, { name }),
      ...figure('tradestream_slow_statement_ratio', slowRatio, { name }),
    ]),
    ...figure('tradestream_standby_waiters', database.waitingForStandby),
    ...figure('tradestream_oldest_transaction_seconds', database.oldestTransactionSeconds),
    ...figure('tradestream_batch_commands_mean', batches.commandsMean),
    ...figure('tradestream_batch_seconds_mean', batches.secondsMean),
    ...services.flatMap(({ name, up }) => figure('tradestream_service_up', up, { name })),
    ...(canary.enabled && canary.at !== null ? figure('tradestream_canary_up', canary.ok) : []),
    ...figure('tradestream_reconciliation_ok', reconciliation?.ok),
    ...figure('tradestream_canary_applied_seconds', canary.appliedSeconds),
    ...figure('tradestream_canary_visible_seconds', canary.visibleSeconds),
  ];
}

function jobFigures({ kind, failed, stalledSeconds }: JobsSample[number]): readonly Figure[] {
  return [
    ...figure('tradestream_jobs_failed', failed, { kind }),
    ...figure('tradestream_job_stalled_seconds', stalledSeconds, { kind }),
  ];
}

function blockedFigures(blocked: BlockedRemoval | null): readonly Figure[] {
  return blocked === null ? [] : figure('tradestream_retention_blocked_seconds', blocked.seconds, { by: blocked.by });
}

function byLabel(
  name: 'tradestream_retries_rate' | 'tradestream_rejections_rate' | 'tradestream_errors_rate',
  label: string,
  rates: Readonly<Record<string, number>>,
): readonly Figure[] {
  return Object.entries(rates).flatMap(([key, rate]) => figure(name, rate, { [label]: key }));
}

function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0);
}
