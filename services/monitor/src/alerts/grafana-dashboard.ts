import type { FigureName } from '../figures/figure.ts';

/** A line of a panel: a query, and how its series are called. */
type Line = { readonly expr: string; readonly legend: string };

type Panel = {
  readonly title: string;
  readonly kind: 'stat' | 'timeseries' | 'table';
  readonly unit: string;
  readonly lines: readonly Line[];
  /** Of 24. */
  readonly width: number;
  /** From this value on it is shown in red. */
  readonly alarm?: number;
};

type Row = { readonly title: string; readonly panels: readonly Panel[] };

const COLUMNS = 24;
const HEIGHT = { stat: 4, timeseries: 8, table: 8 } as const;
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;
const SCHEMA_VERSION = 39;

/** The pipeline as it flows, from the producers to the views, then what carries it. */
const ROWS: readonly Row[] = [
  {
    title: 'In five seconds',
    panels: [
      stat('Alerts that fire', sum('tradestream_alerts_firing'), { alarm: 1 }),
      stat('Parts that do not answer', `count(tradestream_source_up == 0) or vector(0)`, { alarm: 1 }),
      stat('Worst verdict (0 OK, 4 STOP)', `max(tradestream_group_verdict)`, { alarm: 3 }),
      stat('Oldest unread command', `max(tradestream_database_lag_seconds)`, { unit: 's', alarm: 30 }),
      stat('Records set aside', 'tradestream_parked_records', { alarm: 1 }),
      stat('Canary', 'tradestream_canary_visible_seconds', { unit: 's', alarm: 8 }),
    ],
  },
  {
    title: 'The pipeline',
    panels: [
      lines('Records a second', 'cps', [
        line('tradestream_commands_produced_rate', 'produced'),
        line('tradestream_commands_applied_rate', 'applied'),
        line('tradestream_events_published_rate', 'published'),
      ]),
      lines('Behind, by what the database holds', 's', [line('tradestream_database_lag_seconds', '{{reader}}')]),
      lines('Events on their way', 'short', [
        line('tradestream_relay_lag_events', 'relay'),
        line('tradestream_projection_lag_events', 'projection {{projection}}'),
      ]),
      lines('From publishing to receipt and to sight', 's', [
        line('tradestream_canary_applied_seconds', 'applied'),
        line('tradestream_canary_visible_seconds', 'visible'),
      ]),
      lines('Batches', 'short', [
        line('tradestream_batch_commands_mean', 'commands of a batch'),
        { expr: 'tradestream_batch_seconds_mean * 1000', legend: 'milliseconds of a batch' },
      ]),
      lines('Relay, since it last moved', 's', [
        line('tradestream_relay_lag_seconds', 'seconds'),
        line('tradestream_relay_verdict', 'verdict (3 STALL, 4 STOP)'),
      ]),
    ],
  },
  {
    title: 'Consumer groups',
    panels: [
      lines('Records behind, by group', 'short', [line('kafka_consumergroup_group_sum_lag', '{{group}}')]),
      lines('Age of the oldest unread record, by group', 's', [
        line('kafka_consumergroup_group_max_lag_seconds', '{{group}}'),
      ]),
      lines('Records behind, by partition', 'short', [
        line('kafka_consumergroup_group_lag', '{{group}} {{topic}}/{{partition}}'),
      ]),
      lines('Until retention takes an unread record', 's', [
        line('tradestream_group_loss_margin_seconds', '{{group}}'),
      ]),
      lines('Verdict (0 OK, 1 WARN, 2 REWIND, 3 STALL, 4 STOP)', 'short', [
        line('tradestream_group_verdict', '{{kind}} {{group}}'),
      ]),
      lines('Ends of the topics', 'short', [
        { expr: 'sum(kafka_partition_latest_offset) by (topic)', legend: '{{topic}}' },
      ]),
      lines('Records that retention took unread', 'short', [line('tradestream_group_lost_records', '{{group}}')]),
    ],
  },
  {
    title: 'The primary and its replicas',
    panels: [
      lines('Replicas behind', 's', [line('tradestream_replication_lag_seconds', '{{node}}')]),
      lines('WAL not yet replayed', 'bytes', [line('tradestream_replication_lag_bytes', '{{node}}')]),
      lines('WAL held back by slots', 'bytes', [line('tradestream_slot_retained_bytes', '{{slot}}')]),
      lines('Connections taken', 'percent', [line('tradestream_connection_usage_percent', 'of max_connections')]),
      lines('Who waits', 'short', [
        line('tradestream_lock_waiters', 'for a lock'),
        line('tradestream_standby_waiters', 'for a standby'),
        line('tradestream_pool_waiters', 'for a connection of {{name}}'),
      ]),
      lines('Round trip of a query', 's', [line('tradestream_node_query_seconds', '{{node}}')]),
      lines('Oldest transaction', 's', [line('tradestream_oldest_transaction_seconds', 'age')]),
      lines('Replay and WAL receivers', 'short', [
        line('tradestream_replay_paused', 'paused on {{node}}'),
        line('tradestream_wal_receiver_up', 'receives at {{node}}'),
      ]),
      lines('Queries cancelled by replay', 'short', [line('tradestream_replication_conflicts', '{{node}}')]),
    ],
  },
  {
    title: 'Errors, and what was set aside',
    panels: [
      lines('Errors a second, by type', 'cps', [line('tradestream_errors_rate', '{{type}}')]),
      lines('Statements that fail, of all, by service', 'percentunit', [
        line('tradestream_database_error_ratio', '{{name}}'),
      ]),
      lines('Statements that take more than a second, of all, by service', 'percentunit', [
        line('tradestream_slow_statement_ratio', '{{name}}'),
      ]),
      lines('Wait for a connection, by service', 's', [line('tradestream_pool_wait_seconds_mean', '{{name}}')]),
      lines('Rejections a second, by reason', 'cps', [line('tradestream_rejections_rate', '{{reason}}')]),
      lines('Retries and deadlocks a second', 'cps', [
        line('tradestream_retries_rate', 'retry {{code}}'),
        line('tradestream_deadlocks_rate', 'deadlock'),
      ]),
      lines('Set aside', 'short', [
        line('tradestream_parked_records', 'records'),
        line('tradestream_parked_keys', 'keys that others wait behind'),
        line('tradestream_paused_partitions', 'partitions paused'),
      ]),
      lines('Set aside for', 's', [line('tradestream_parked_oldest_seconds', 'oldest')]),
      lines('Set aside a second', 'cps', [line('tradestream_parked_rate', 'records')]),
      lines('Commands parked, of all', 'percentunit', [line('tradestream_command_error_ratio', 'parked')]),
    ],
  },
  {
    title: 'Alerts and parts',
    panels: [
      table('Alerts that fire', { expr: 'tradestream_alerts_firing > 0', legend: '' }),
      lines('Parts that answer', 'short', [
        line('tradestream_source_up', '{{source}}'),
        line('tradestream_service_up', '{{name}}'),
        line('tradestream_node_up', '{{node}}'),
        line('tradestream_canary_up', 'canary'),
        line('tradestream_reconciliation_ok', 'last reconciliation'),
      ]),
      lines('Connections of the services', 'short', [line('tradestream_sessions', '{{role}}')]),
      lines('Jobs that failed within the hour', 'short', [line('tradestream_jobs_failed', '{{kind}}')]),
      lines('Unfinished jobs, since they got further', 's', [line('tradestream_job_stalled_seconds', '{{kind}}')]),
      lines('Old events that cannot leave, since', 's', [line('tradestream_retention_blocked_seconds', '{{by}}')]),
    ],
  },
];

/** A dashboard for those who scrape `/metrics` with Prometheus, as Grafana imports it. */
export function grafanaDashboard(): Readonly<Record<string, unknown>> {
  return {
    uid: 'tradestream',
    title: 'Tradestream',
    tags: ['tradestream'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', refresh: 1 }],
    },
    annotations: { list: [] },
    links: [],
    panels: laidOut(),
  };
}

function laidOut(): readonly object[] {
  const placed: object[] = [];
  let y = 0;
  for (const { title, panels } of ROWS) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: at(0, y, COLUMNS, 1),
      panels: [],
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of panels) {
      if (x + panel.width > COLUMNS) {
        [x, y, height] = [0, y + height, 0];
      }
      placed.push({ id: placed.length + 1, ...panelOf(panel), gridPos: at(x, y, panel.width, HEIGHT[panel.kind]) });
      x += panel.width;
      height = Math.max(height, HEIGHT[panel.kind]);
    }
    y += height;
  }
  return placed;
}

function panelOf({ title, kind, unit, lines: targets, alarm }: Panel): object {
  const steps = [{ color: 'green', value: null }, ...(alarm === undefined ? [] : [{ color: 'red', value: alarm }])];
  return {
    type: kind,
    title,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: { unit, min: 0, thresholds: { mode: 'absolute', steps } },
      overrides: [],
    },
    options: kind === 'stat' ? { colorMode: 'background', reduceOptions: { calcs: ['lastNotNull'] } } : {},
    targets: targets.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(kind === 'table' ? { format: 'table', instant: true } : {}),
    })),
  };
}

function at(x: number, y: number, w: number, h: number): object {
  return { x, y, w, h };
}

function stat(title: string, expr: string, { unit = 'short', alarm }: { unit?: string; alarm: number }): Panel {
  return { title, kind: 'stat', unit, lines: [{ expr, legend: '' }], width: 4, alarm };
}

function lines(title: string, unit: string, targets: readonly Line[]): Panel {
  return { title, kind: 'timeseries', unit, lines: targets, width: 8 };
}

function table(title: string, target: Line): Panel {
  return { title, kind: 'table', unit: 'short', lines: [target], width: 8 };
}

function line(figure: FigureName, legend: string): Line {
  return { expr: figure, legend };
}

function sum(figure: FigureName): string {
  return `sum(${figure})`;
}
