import { Histogram } from '../metrics/histogram.ts';

/** Why a connection was closed. */
export type CloseReason = 'idle' | 'lifetime' | 'lost' | 'unhealthy' | 'broken' | 'altered' | 'fenced' | 'closed';

/** What a pool counts. Durations in milliseconds; all only grow. */
export class PoolMeter {
  readonly waits = new Histogram();
  readonly connects = new Histogram();
  readonly uses = new Histogram();
  readonly queries = new Histogram();
  opened = 0;
  acquired = 0;
  connectFailures = 0;
  acquireTimeouts = 0;
  queueRefusals = 0;
  leaks = 0;
  dirtyReturns = 0;
  queriesActive = 0;
  queriesCompleted = 0;
  queriesFailed = 0;
  readonly closed: Record<CloseReason, number> = {
    idle: 0,
    lifetime: 0,
    lost: 0,
    unhealthy: 0,
    broken: 0,
    altered: 0,
    fenced: 0,
    closed: 0,
  };
}
