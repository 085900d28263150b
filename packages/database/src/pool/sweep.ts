import { type Lent, stackOf } from './lent.ts';
import type { ResolvedPool } from './pool-config.ts';
import type { PoolListener } from './pool-events.ts';
import type { CloseReason, PoolMeter } from './pool-meter.ts';

/** What a look at a pool needs of it. */
export interface SweptPool {
  readonly address: { readonly name: string };
  readonly config: ResolvedPool;
  readonly meter: PoolMeter;
  readonly counts: { readonly total: number };
  discard(lent: Lent, reason: CloseReason, error: Error): void;
  checkIdle(lent: Lent): Promise<void>;
}

/** One look at every connection: leaks are reported, old and long idle ones closed, resting ones asked for a sign of life. */
export function sweepPool(options: {
  readonly pool: SweptPool;
  readonly lent: readonly Lent[];
  /** Least recently used first. */
  readonly idle: readonly Lent[];
  readonly tell: PoolListener;
}): void {
  const { pool, lent, tell } = options;
  const nowMs = performance.now();
  for (const each of lent) if (each.state === 'busy') reportLeak(each, { pool, nowMs, tell });
  const { idleTimeout, minSize, healthCheck } = pool.config;
  for (const each of options.idle.slice()) {
    const spare = pool.counts.total > minSize;
    if (nowMs - each.openedMs >= each.lifetimeMs) pool.discard(each, 'lifetime', new Error('the connection is old'));
    else if (spare && idleTimeout > 0 && nowMs - each.idleSinceMs >= idleTimeout) {
      pool.discard(each, 'idle', new Error('the connection was idle'));
    } else if (healthCheck.enabled && nowMs - Math.max(each.idleSinceMs, each.checkedMs) >= healthCheck.interval) {
      void pool.checkIdle(each);
    }
  }
}

function reportLeak(
  lent: Lent,
  options: { readonly pool: SweptPool; readonly nowMs: number; readonly tell: PoolListener },
): void {
  const { pool, nowMs, tell } = options;
  const heldMs = Math.round(nowMs - lent.busySinceMs);
  const { leakDetectionThreshold } = pool.config;
  if (lent.borrower === null || lent.leakReported || leakDetectionThreshold === 0 || heldMs < leakDetectionThreshold) {
    return;
  }
  lent.leakReported = true;
  pool.meter.leaks += 1;
  tell({
    type: 'leak',
    node: pool.address.name,
    backendPid: lent.session.backendPid,
    heldMs,
    stack: stackOf(lent),
    statement: lent.statement,
  });
}
