import type { LogRecord } from '@tradestream/messaging';
import type { Logger, Readiness } from '@tradestream/runtime';
import type { Workbench } from '../apply/prepare-batch.ts';
import type { DecodedRecord } from './decode-record.ts';
import type { Intake } from './intake.ts';

export type QueueCapOptions = {
  readonly bench: Workbench;
  readonly intake: Intake;
  readonly readiness: Readiness;
  readonly log: Logger;
  /** Commands of one key that may wait behind a parked one. */
  readonly waitingMax: number;
};

export type Taken = { readonly records: readonly LogRecord[]; readonly decoded: readonly DecodedRecord[] };

type Cut = { readonly offset: number; readonly key: string; readonly isFirst: boolean };

/**
 * Keeps the queue behind a parked command from growing without end: a partition whose next record
 * would wait in a full one pauses there, and goes on once something of its queues was released. The
 * other partitions flow.
 */
export class QueueCap {
  readonly #options: QueueCapOptions;
  readonly #held = new Set<number>();

  constructor(options: QueueCapOptions) {
    this.#options = options;
  }

  /**
   * The part of a batch that may be taken up. The rest is back in the intake; a partition of which
   * nothing may be taken pauses. What stands before the cut may turn out to be known already, and
   * then there is more room than was counted.
   */
  within({ records, decoded }: Taken): Taken {
    const cuts = this.#findCuts(decoded);
    if (cuts.size === 0) return { records, decoded };
    const isTaken = ({ partition, offset }: LogRecord) => offset < (cuts.get(partition)?.offset ?? Infinity);
    this.#options.intake.putBack(records.filter((record) => !isTaken(record)));
    for (const [partition, { key, isFirst }] of cuts) if (isFirst) this.#hold(partition, key);
    return { records: records.filter(isTaken), decoded: decoded.filter(({ record }) => isTaken(record)) };
  }

  /** Something of these partitions' queues was released, or they have to be looked at anew. */
  lift(partitions: Iterable<number>): void {
    const { bench, intake, readiness } = this.#options;
    for (const partition of partitions) {
      if (!this.#held.delete(partition)) continue;
      const position = bench.positions.get(partition);
      if (position !== undefined) position.paused = false;
      intake.resume(partition);
      readiness.set(`queues-${partition}`, true);
    }
  }

  #hold(partition: number, key: string): void {
    const { bench, intake, readiness, log, waitingMax } = this.#options;
    const position = bench.positions.get(partition);
    if (position !== undefined) position.paused = true;
    this.#held.add(partition);
    intake.hold(partition);
    readiness.set(
      `queues-${partition}`,
      false,
      `${waitingMax} commands of ${key} wait behind a parked one: redrive, edit or discard it`,
    );
    log.error({ partition, key, waitingMax }, 'partition_paused');
  }

  /** By partition, the first record for which its key's queue has no room. */
  #findCuts(decoded: readonly DecodedRecord[]): ReadonlyMap<number, Cut> {
    const cuts = new Map<number, Cut>();
    const begun = new Set<number>();
    const { bench, waitingMax } = this.#options;
    if (isNothingParked(bench)) return cuts;
    /** Records parked of each key that is blocked, this batch's among them. */
    const parked = new Map<string, number>();
    for (const from of decoded) {
      const { partition, offset } = from.record;
      const position = bench.positions.get(partition);
      if (position === undefined || cuts.has(partition)) continue;
      const isFirst = !begun.has(partition);
      begun.add(partition);
      const isCommand = from.kind === 'command';
      if (isCommand ? bench.receipts.get(from.commandId) !== undefined : from.blocksKey !== true) continue;
      const key = isCommand ? from.key : (from.record.key?.toString('utf8') ?? '');
      const place = `${partition}/${key}`;
      const count = parked.get(place) ?? position.queued.get(key) ?? 0;
      const isBlocked = count > 0 || position.blockedKeys.has(key);
      if (isCommand && isBlocked && count > waitingMax) cuts.set(partition, { offset, key, isFirst });
      else if (isBlocked || !isCommand || bench.failing.has(from.commandId)) parked.set(place, count + 1);
    }
    return cuts;
  }
}

/** The way of nearly every batch. */
function isNothingParked({ positions, failing, setAside }: Workbench): boolean {
  if (failing.size + setAside.size > 0) return false;
  for (const { blockedKeys } of positions.values()) if (blockedKeys.size > 0) return false;
  return true;
}
