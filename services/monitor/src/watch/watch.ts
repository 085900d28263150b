import type { HealthAnswer, LagAnswer, PipelineAnswer, ReplicationAnswer } from '@tradestream/answers';
import { type Topics, topicsWithPrefix } from '@tradestream/contracts';
import type { BlockedRemoval } from '@tradestream/recovery';
import type { Readiness } from '@tradestream/runtime';
import { CANARY_OFF } from '../canary/canary.ts';
import type { MonitorConfig, NodeAddress } from '../config.ts';
import type { Figure } from '../figures/figure.ts';
import { figuresOf } from '../figures/figures-of.ts';
import { healthOf } from '../health.ts';
import type { TrackedOffsets } from '../lag/lag-sample.ts';
import { PipelineBook, topicEnds, UNKNOWN_PROBE } from '../pipeline/pipeline-book.ts';
import { ServiceBook } from '../pipeline/service-book.ts';
import { ReplicationBook } from '../replication/replication-book.ts';
import type { Probe } from '../sources/probes.ts';

/** A reading of the log older than so many intervals says nothing of now. */
const STALE_INTERVALS = 4;

/** All that is known at this moment. Readings come in; answers and figures go out, from memory. */
export class Watch {
  readonly topics: Topics;
  readonly replication: ReplicationBook;
  readonly pipelineBook: PipelineBook;
  readonly serviceBook = new ServiceBook();
  /** Where the database stands, for the next reading of the log. */
  positions: readonly TrackedOffsets[] = [];
  registry: Probe = UNKNOWN_PROBE;
  redis: Probe | null;
  clusterName = '';
  /** Null too where no event is to leave. */
  blockedRemoval: BlockedRemoval | null = null;
  canary: () => PipelineAnswer['canary'] = () => CANARY_OFF;
  readonly querySeconds = new Map<string, number>();
  readonly #readiness: Readiness;
  readonly #staleMs: number;
  readonly #sources = new Map<string, boolean>();
  #lag: LagAnswer | null = null;

  constructor(config: MonitorConfig, nodes: readonly NodeAddress[], readiness: Readiness) {
    this.topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
    this.replication = new ReplicationBook({
      names: nodes.map(({ name }) => name),
      lagSecondsMax: config.TRADESTREAM_MONITOR_REPLICA_LAG_SECONDS_MAX,
    });
    this.pipelineBook = new PipelineBook(this.topics, config.TRADESTREAM_MONITOR_WINDOW_SAMPLES);
    this.redis = config.REDIS_URL === '' ? null : UNKNOWN_PROBE;
    this.#readiness = readiness;
    this.#staleMs = STALE_INTERVALS * config.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS;
    for (const part of ['broker', 'database']) readiness.set(part, false, 'not asked yet');
  }

  /** A source answered, or did not and why; the monitor is ready once it can ask those it cannot do without. */
  source(name: 'broker' | 'log' | 'database' | 'registry' | 'redis', failure = ''): void {
    this.#sources.set(name, failure === '');
    if (name === 'broker' || name === 'database') this.#readiness.set(name, failure === '', failure);
    if (name === 'database' && failure !== '') this.pipelineBook.forgetDatabase();
  }

  /** Every source has answered, or failed, once. */
  get isComplete(): boolean {
    return ['broker', 'database', 'registry'].every((name) => this.#sources.has(name));
  }

  takeLag(answer: LagAnswer, atMs: number): void {
    this.#lag = answer;
    this.pipelineBook.takeLag(topicEnds(answer), atMs);
    this.source('broker');
    this.source('log');
  }

  /** The last one, however old: `sampledAt` tells. */
  lag(): LagAnswer | null {
    return this.#lag;
  }

  replicationAnswer(): ReplicationAnswer {
    return this.replication.answer(Date.now());
  }

  health(): HealthAnswer {
    const sources = [...this.#sources].map(([part, ok]) => ({ part, ok, detail: ok ? '' : 'does not answer' }));
    return healthOf(this.#freshLag(), this.replicationAnswer(), sources);
  }

  pipeline(): PipelineAnswer {
    const { relay, projections, parked, database, reconciliation, deadlocks, rollbacks } = this.pipelineBook.database;
    const { rates, services, batches, pools, pausedPartitions } = this.serviceBook.answer;
    return {
      sampledAt: new Date().toISOString(),
      throughput: this.pipelineBook.throughput,
      relay,
      projections,
      parked,
      pausedPartitions,
      rates: { ...rates, deadlocks, rollbacks: rollbacks === null ? null : Math.max(0, rollbacks) },
      database,
      batches,
      pools,
      services,
      reconciliation,
      registry: this.registry,
      redis: this.redis,
      canary: this.canary(),
    };
  }

  figures(): readonly Figure[] {
    const { relayVerdict, parkedPerSecond, jobs } = this.pipelineBook.database;
    return figuresOf({
      clusterName: this.clusterName,
      lag: this.#freshLag(),
      replication: this.replicationAnswer(),
      pipeline: this.pipeline(),
      relayVerdict,
      parkedPerSecond,
      jobs,
      blockedRemoval: this.blockedRemoval,
      sources: Object.fromEntries(this.#sources),
      querySeconds: this.querySeconds,
    });
  }

  #freshLag(): LagAnswer | null {
    const lag = this.#lag;
    return lag === null || Date.now() - Date.parse(lag.sampledAt) > this.#staleMs ? null : lag;
  }
}
