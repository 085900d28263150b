import type { LogAdmin, Subscription } from '@tradestream/messaging';
import { errorOf, type Logger } from '@tradestream/runtime';
import type { Cursor } from './position.ts';
import type { ProjectorMetrics } from './projector-metrics.ts';

const PAUSE_MS = 500;
/** The end of each partition is asked for once in so many looks: what is fetched tells it as well. */
const ENDS_EACH = 10;

export type WatchOptions = {
  readonly subscription: Subscription;
  readonly admin: LogAdmin;
  readonly topic: string;
  readonly cursors: () => readonly Cursor[];
  readonly metrics: ProjectorMetrics;
  readonly log: Logger;
};

/**
 * Tells the group how far the projections are, within a second of each COMMIT, and the metrics how
 * far they are behind. Nothing rests on it.
 */
export class PositionWatch {
  readonly #options: WatchOptions;
  readonly #told = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #looks = 0;
  #looking: Promise<void> | null = null;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = null;
      });
    }, PAUSE_MS);
  }

  /** Tells once more, then stops. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#tell();
  }

  async #look(): Promise<void> {
    const { metrics, cursors } = this.#options;
    await this.#tell();
    if (this.#looks % ENDS_EACH === 0) await this.#sampleEnds();
    this.#looks += 1;
    metrics.sample(cursors());
  }

  async #tell(): Promise<void> {
    const { subscription, log } = this.#options;
    const moved = [...this.#reached()].filter(([partition, offset]) => this.#told.get(partition) !== offset);
    if (moved.length === 0) return;
    try {
      await subscription.commit(new Map(moved));
      for (const [partition, offset] of moved) this.#told.set(partition, offset);
    } catch (error) {
      log.debug({ error: errorOf(error) }, 'offset_commit_failed');
    }
  }

  /** Where the projection furthest behind is, by partition. */
  #reached(): ReadonlyMap<number, number> {
    const reached = new Map<number, number>();
    for (const { partition, held } of this.#options.cursors()) {
      reached.set(partition, Math.min(held.nextOffset, reached.get(partition) ?? held.nextOffset));
    }
    return reached;
  }

  async #sampleEnds(): Promise<void> {
    const { admin, topic, metrics, log } = this.#options;
    try {
      for (const { partition, end } of await admin.ranges(topic)) metrics.sawEnd(partition, end);
    } catch (error) {
      log.debug({ error: errorOf(error) }, 'lag_not_sampled');
    }
  }
}
