import { type Closeable, errorOf, waitFor } from '@tradestream/runtime';
import { DatabaseError } from '../errors.ts';
import { DatabaseManager } from '../manager/database-manager.ts';
import type { Observed } from '../manager/observed.ts';
import { openManagers } from '../manager/open-managers.ts';
import { DatabaseMetrics, type PerformanceMetrics } from '../metrics/database-metrics.ts';
import type { ReplicationStatus } from '../replication/replication-status.ts';

export type HealthCheckName = 'connectivity' | 'replication' | 'performance';

export type HealthCheckerConfig = {
  /** Between two rounds, milliseconds. Default 30 000. */
  readonly interval?: number;
  /** For each check, milliseconds; then it counts as failed. Default 5 000. */
  readonly timeout?: number;
  /** Default: all. */
  readonly checks?: readonly HealthCheckName[];
  /** A 95th percentile of statements above this fails `performance`, milliseconds. Default 1 000. */
  readonly maxQueryLatency?: number;
};

export interface HealthCheck {
  checkConnectivity(): Promise<boolean>;
  checkReplication(): Promise<ReplicationStatus>;
  checkPerformance(): Promise<PerformanceMetrics>;
}

export type HealthResult = {
  readonly name: HealthCheckName;
  readonly healthy: boolean;
  readonly latencyMs: number;
  /** What is wrong; null when nothing is. */
  readonly problem: string | null;
};

export type HealthReport = {
  readonly healthy: boolean;
  readonly checkedAt: Date;
  readonly results: readonly HealthResult[];
};

const COLLECT_MS_MIN = 10;
const COLLECT_MS_MAX = 5_000;
const NAMES: readonly HealthCheckName[] = ['connectivity', 'replication', 'performance'];

/**
 * Checks a DatabaseManager, or all that this process has open; where it has none, one of its own from
 * `DATABASE_URL`. From its
 * making until `close` it makes a round every `interval`, one at a time; `check` makes one now.
 */
export class HealthChecker implements HealthCheck, Closeable {
  readonly #source: Observed | null;
  readonly #config: Required<HealthCheckerConfig>;
  readonly #metrics: DatabaseMetrics;
  readonly #listeners = new Set<(report: HealthReport) => void>();
  #own: DatabaseManager | null = null;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<HealthReport> | null = null;
  #report: HealthReport | null = null;

  /** @throws {DatabaseError} DB_CONFIG_INVALID */
  constructor(config: HealthCheckerConfig = {}, source: Observed | null = null) {
    const { interval = 30_000, timeout = 5_000, checks = NAMES, maxQueryLatency = 1_000 } = config;
    const unknown = checks.filter((name) => !NAMES.includes(name));
    const wrong = [interval, timeout, maxQueryLatency].some((value) => !(value >= 1));
    if (unknown.length > 0 || wrong) {
      const detail = wrong
        ? 'interval, timeout and maxQueryLatency must be at least 1'
        : `no check is named ${unknown.join(', ')}`;
      throw new DatabaseError('DB_CONFIG_INVALID', { detail });
    }
    this.#config = { interval, timeout, checks, maxQueryLatency };
    this.#source = source;
    const collectInterval = Math.max(COLLECT_MS_MIN, Math.min(interval, COLLECT_MS_MAX));
    this.#metrics = new DatabaseMetrics({ collectInterval }, source);
    this.#timer = setInterval(() => void this.check(), interval);
    this.#timer.unref();
  }

  /** The last report; null before the first round. */
  get report(): HealthReport | null {
    return this.#report;
  }

  /** Every node of every manager answers within the timeout. Never throws. */
  async checkConnectivity(): Promise<boolean> {
    const { timeout } = this.#config;
    try {
      const all = await Promise.all(this.#sources().map((source) => source.healthCheck(timeout)));
      return all.flat().every((status) => status.healthy);
    } catch {
      return false; // nobody says where the database is
    }
  }

  /** Of the first manager that has a problem, else of the first. @throws {DatabaseError} DB_CONNECTION_FAILED */
  async checkReplication(): Promise<ReplicationStatus> {
    const all = await Promise.all(this.#sources().map((source) => source.replicationStatus(this.#config.timeout)));
    const status = all.find((each) => !each.healthy) ?? all[0];
    if (status === undefined)
      throw new DatabaseError('DB_CONNECTION_FAILED', { detail: 'there is no manager to check' });
    return status;
  }

  /** Figures since the last sample. */
  async checkPerformance(): Promise<PerformanceMetrics> {
    this.#sources();
    this.#metrics.collect();
    return this.#metrics.performance;
  }

  /** One round of the configured checks, or the one under way. Never throws. */
  check(): Promise<HealthReport> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Calls after each round; what it gives back ends that. The listener must not throw. */
  onReport(listener: (report: HealthReport) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Ends the rounds, and the manager that it made for itself. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    await this.#metrics.close();
    await this.#own?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #round(): Promise<HealthReport> {
    const results = await Promise.all(this.#config.checks.map((name) => this.#one(name)));
    const report = { healthy: results.every((result) => result.healthy), checkedAt: new Date(), results };
    this.#report = report;
    for (const listener of this.#listeners) listener(report);
    return report;
  }

  async #one(name: HealthCheckName): Promise<HealthResult> {
    const startedMs = performance.now();
    const problem = await waitFor(this.#problemOf(name), {
      timeoutMs: this.#config.timeout,
      stage: `check ${name}`,
    }).catch((error: unknown) => errorOf(error).message);
    return { name, healthy: problem === null, latencyMs: performance.now() - startedMs, problem };
  }

  async #problemOf(name: HealthCheckName): Promise<string | null> {
    switch (name) {
      case 'connectivity':
        return (await this.checkConnectivity()) ? null : 'a node does not answer';
      case 'replication': {
        const { problems } = await this.checkReplication();
        return problems.length === 0 ? null : problems.join('; ');
      }
      case 'performance': {
        const { queryLatency } = await this.checkPerformance();
        const { maxQueryLatency } = this.#config;
        if (queryLatency <= maxQueryLatency) return null;
        return `one in twenty statements takes ${Math.round(queryLatency)} ms or more, ${maxQueryLatency} are allowed`;
      }
    }
  }

  #sources(): readonly Observed[] {
    if (this.#source !== null) return [this.#source];
    const open = openManagers();
    if (open.length > 0) return open;
    this.#own ??= new DatabaseManager({ pool: { maxSize: 2 } });
    return [this.#own];
  }
}
