import type { Closeable } from '@tradestream/runtime';
import { DatabaseError } from '../errors.ts';
import { addFigures, type Figures, NO_FIGURES } from '../manager/figures.ts';
import type { Observed } from '../manager/observed.ts';
import { openManagers } from '../manager/open-managers.ts';
import { parseDuration } from './duration.ts';
import { countsSince, quantile } from './histogram.ts';
import { type HistoryPoint, MetricHistory } from './metric-history.ts';
import { prometheusText } from './prometheus.ts';
import { FINE, judgeThreshold, type ThresholdState } from './threshold.ts';

/** Bounds at which an alert fires; it ends when the figure was below four fifths of it twice in a row. */
export type AlertThresholds = {
  /** Connections lent, percent of those that there may be. */
  readonly connectionUsage?: number;
  /** 95th percentile of statements since the last sample, milliseconds. */
  readonly queryLatency?: number;
  /** Failed statements since the last sample, as a share of all. */
  readonly errorRate?: number;
  /** Of the replica furthest behind, milliseconds. */
  readonly replicationLag?: number;
};

export type DatabaseMetricsConfig = {
  /** Between two samples, milliseconds. Default 5 000. */
  readonly collectInterval?: number;
  /** How long the history is kept: `7d`, `12h`, `30m`. Default `7d`. */
  readonly retentionPeriod?: string;
  readonly alertThresholds?: AlertThresholds;
};

/** Since the last sample. Latencies are 95th percentiles and the lag that of the replica furthest behind, all in milliseconds. */
export type PerformanceMetrics = {
  readonly queryLatency: number;
  /** Of getting a connection. */
  readonly connectionLatency: number;
  readonly replicationLag: number;
};

export type MetricName = keyof Required<AlertThresholds> | 'connectionLatency' | 'queriesPerSecond';

export type MetricAlert = {
  readonly metric: keyof AlertThresholds;
  readonly state: 'firing' | 'resolved';
  readonly value: number;
  readonly threshold: number;
  readonly at: Date;
};

type Sample = Readonly<Record<MetricName, number>>;

const NO_SAMPLE: Sample = {
  connectionUsage: 0,
  queryLatency: 0,
  errorRate: 0,
  replicationLag: 0,
  connectionLatency: 0,
  queriesPerSecond: 0,
};
const METRIC_NAMES: readonly MetricName[] = [
  'connectionUsage',
  'queryLatency',
  'errorRate',
  'replicationLag',
  'connectionLatency',
  'queriesPerSecond',
];
const THRESHOLD_NAMES = ['connectionUsage', 'queryLatency', 'errorRate', 'replicationLag'] as const;

/**
 * Figures of a DatabaseManager, or of all that this process has open: as they are now, their course over
 * the retention period, and alerts. Collects from its making until `close`; collecting touches memory alone.
 */
export class DatabaseMetrics implements Closeable {
  readonly #source: Observed | null;
  readonly #thresholds: AlertThresholds;
  readonly #histories: ReadonlyMap<MetricName, MetricHistory>;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(alert: MetricAlert) => void>();
  readonly #states = new Map<keyof AlertThresholds, ThresholdState>();
  #last: { readonly figures: Figures; readonly atMs: number };
  #sample: Sample = NO_SAMPLE;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: DatabaseMetricsConfig = {}, source: Observed | null = null) {
    const interval = config.collectInterval ?? 5_000;
    if (!Number.isInteger(interval) || interval < 10) {
      throw new DatabaseError('DB_CONFIG_INVALID', {
        detail: `collectInterval must be a whole number from 10, it is ${interval}`,
      });
    }
    const retentionMs = parseDuration(config.retentionPeriod ?? '7d', 'retentionPeriod');
    this.#source = source;
    this.#thresholds = config.alertThresholds ?? {};
    this.#histories = new Map(METRIC_NAMES.map((name) => [name, new MetricHistory(retentionMs)]));
    this.#last = { figures: this.#figures(), atMs: performance.now() };
    this.#timer = setInterval(() => this.collect(), interval);
    this.#timer.unref();
  }

  get connections(): { readonly active: number; readonly idle: number; readonly total: number } {
    const { active, idle, total } = this.#figures();
    return { active, idle, total };
  }

  /** Completed and failed since the managers were opened. */
  get queries(): { readonly active: number; readonly completed: number; readonly failed: number } {
    const { queriesActive, queriesCompleted, queriesFailed } = this.#figures();
    return { active: queriesActive, completed: queriesCompleted, failed: queriesFailed };
  }

  /** As of the last sample. */
  get performance(): PerformanceMetrics {
    const { queryLatency, connectionLatency, replicationLag } = this.#sample;
    return { queryLatency, connectionLatency, replicationLag };
  }

  /** Alerts that fire now. */
  get firing(): readonly (keyof AlertThresholds)[] {
    return THRESHOLD_NAMES.filter((name) => this.#states.get(name)?.firing === true);
  }

  /** The course of a figure, oldest first; what is older than an hour in minutes, than a day in quarters of an hour. */
  history(metric: MetricName, from: Date, to?: Date): readonly HistoryPoint[] {
    // Without an end also what was sampled in this very millisecond.
    return this.#histories.get(metric)?.between(from.getTime(), to?.getTime() ?? Infinity) ?? [];
  }

  /** Calls for each alert that fires or ends; what it gives back ends that. The listener must not throw. */
  onAlert(listener: (alert: MetricAlert) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Prometheus text exposition. */
  toPrometheus(): string {
    return prometheusText(
      this.#figures(),
      this.#sources().flatMap((source) => source.nodes()),
    );
  }

  /** Takes a sample now, besides those taken on time. */
  collect(): void {
    const figures = this.#figures();
    const nowMs = performance.now();
    const sample = sampleOf(figures, this.#last.figures, nowMs - this.#last.atMs);
    this.#last = { figures, atMs: nowMs };
    this.#sample = sample;
    const atMs = Date.now();
    for (const [name, history] of this.#histories) history.add(atMs, sample[name]);
    for (const name of THRESHOLD_NAMES) this.#judge(name, sample[name]);
  }

  /** Ends collecting. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #judge(metric: keyof AlertThresholds, value: number): void {
    const threshold = this.#thresholds[metric];
    if (threshold === undefined) return;
    const before = this.#states.get(metric) ?? FINE;
    const state = judgeThreshold(before, value, threshold);
    this.#states.set(metric, state);
    if (state.firing === before.firing) return;
    const alert: MetricAlert = {
      metric,
      state: state.firing ? 'firing' : 'resolved',
      value,
      threshold,
      at: new Date(),
    };
    for (const listener of this.#listeners) listener(alert);
  }

  #sources(): readonly Observed[] {
    return this.#source === null ? openManagers() : [this.#source];
  }

  #figures(): Figures {
    return this.#sources()
      .map((source) => source.figures())
      .reduce(addFigures, NO_FIGURES);
  }
}

const HIGH = 0.95;

function sampleOf(now: Figures, before: Figures, elapsedMs: number): Sample {
  const failed = now.queriesFailed - before.queriesFailed;
  const ended = failed + now.queriesCompleted - before.queriesCompleted;
  return {
    connectionUsage: now.capacity === 0 ? 0 : (100 * now.active) / now.capacity,
    queryLatency: quantile(countsSince(now.queries, before.queries), HIGH),
    connectionLatency: quantile(countsSince(now.waits, before.waits), HIGH),
    errorRate: ended <= 0 ? 0 : failed / ended,
    replicationLag: now.lagSeconds * 1_000,
    queriesPerSecond: elapsedMs <= 0 ? 0 : Math.max(0, (ended * 1_000) / elapsedMs),
  };
}
