import { addCounts, EMPTY_COUNTS, type HistogramCounts } from '../metrics/histogram.ts';
import type { ClusterNode } from '../replication/cluster-node.ts';

/** What all pools of a manager have counted since they began. Durations in milliseconds. */
export type Figures = {
  readonly active: number;
  readonly idle: number;
  readonly total: number;
  readonly waiting: number;
  /** Connections that there may be, on all nodes. */
  readonly capacity: number;
  readonly queriesActive: number;
  readonly queriesCompleted: number;
  readonly queriesFailed: number;
  readonly opened: number;
  readonly connectFailures: number;
  readonly acquireTimeouts: number;
  readonly leaks: number;
  readonly dirtyReturns: number;
  readonly waits: HistogramCounts;
  readonly connects: HistogramCounts;
  readonly uses: HistogramCounts;
  readonly queries: HistogramCounts;
  /** Of the replica furthest behind among those that can be seen, seconds. */
  readonly lagSeconds: number;
};

export const NO_FIGURES: Figures = {
  active: 0,
  idle: 0,
  total: 0,
  waiting: 0,
  capacity: 0,
  queriesActive: 0,
  queriesCompleted: 0,
  queriesFailed: 0,
  opened: 0,
  connectFailures: 0,
  acquireTimeouts: 0,
  leaks: 0,
  dirtyReturns: 0,
  waits: EMPTY_COUNTS,
  connects: EMPTY_COUNTS,
  uses: EMPTY_COUNTS,
  queries: EMPTY_COUNTS,
  lagSeconds: 0,
};

export function figuresOf(nodes: readonly ClusterNode[]): Figures {
  return nodes.map(figuresOfNode).reduce(addFigures, NO_FIGURES);
}

export function addFigures(one: Figures, other: Figures): Figures {
  return {
    active: one.active + other.active,
    idle: one.idle + other.idle,
    total: one.total + other.total,
    waiting: one.waiting + other.waiting,
    capacity: one.capacity + other.capacity,
    queriesActive: one.queriesActive + other.queriesActive,
    queriesCompleted: one.queriesCompleted + other.queriesCompleted,
    queriesFailed: one.queriesFailed + other.queriesFailed,
    opened: one.opened + other.opened,
    connectFailures: one.connectFailures + other.connectFailures,
    acquireTimeouts: one.acquireTimeouts + other.acquireTimeouts,
    leaks: one.leaks + other.leaks,
    dirtyReturns: one.dirtyReturns + other.dirtyReturns,
    waits: addCounts(one.waits, other.waits),
    connects: addCounts(one.connects, other.connects),
    uses: addCounts(one.uses, other.uses),
    queries: addCounts(one.queries, other.queries),
    lagSeconds: Math.max(one.lagSeconds, other.lagSeconds),
  };
}

function figuresOfNode({ pool, lagMs }: ClusterNode): Figures {
  const { meter, config } = pool;
  const { active, idle, total, waiting } = pool.counts;
  return {
    active,
    idle,
    total,
    waiting,
    capacity: config.maxSize,
    queriesActive: meter.queriesActive,
    queriesCompleted: meter.queriesCompleted,
    queriesFailed: meter.queriesFailed,
    opened: meter.opened,
    connectFailures: meter.connectFailures,
    acquireTimeouts: meter.acquireTimeouts,
    leaks: meter.leaks,
    dirtyReturns: meter.dirtyReturns,
    waits: meter.waits.counts(),
    connects: meter.connects.counts(),
    uses: meter.uses.counts(),
    queries: meter.queries.counts(),
    lagSeconds: lagMs / 1_000,
  };
}
