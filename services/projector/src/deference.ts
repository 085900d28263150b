import type { LogAdmin } from '@tradestream/messaging';
import { errorOf, type Logger } from '@tradestream/runtime';

export type DeferenceOptions = {
  readonly admin: LogAdmin;
  readonly commandsTopic: string;
  readonly workerGroup: string;
  /** Pause after a batch, in times of what the batch took; 0 never pauses. */
  readonly factor: number;
  readonly log: Logger;
  readonly now?: () => number;
};

/** Younger events are being shown in time: nobody is behind. */
const AGE_MS_MIN = 1_000;
/** Beyond what a worker that keeps up has taken up and not told the group yet, at any rate it can reach. */
const BACKLOG_MIN = 20_000;
const LOOK_MS = 500;
const PAUSE_MS_MAX = 2_000;

/**
 * Applying goes before projecting: while the workers have a backlog, the projector rests after each
 * batch, since both live on the same processors, disk and standbys. What it leaves undone it does
 * faster afterwards, in fuller batches. A worker that keeps up is never waited for.
 */
export class Deference {
  readonly #options: DeferenceOptions;
  readonly #now: () => number;
  #newestMs = 0;
  #isBehind = false;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking = false;

  constructor(options: DeferenceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Takes note of the time of an event that has arrived. */
  saw(timestampMs: number): void {
    this.#newestMs = Math.max(this.#newestMs, timestampMs);
  }

  /** How long to rest after a batch. */
  pauseAfter(batchMs: number): number {
    const { factor } = this.#options;
    if (factor === 0 || this.#now() - this.#newestMs < AGE_MS_MIN) return 0;
    this.#look();
    return this.#isBehind ? Math.min(PAUSE_MS_MAX, batchMs * factor) : 0;
  }

  /** Asks how far the workers are, beside the work; a broker that does not answer defers nobody. */
  #look(): void {
    if (this.#looking || this.#now() - this.#lookedMs < LOOK_MS) return;
    this.#looking = true;
    this.#backlog()
      .then((count) => {
        this.#isBehind = count >= BACKLOG_MIN;
      })
      .catch((error: unknown) => {
        this.#isBehind = false;
        this.#options.log.debug({ error: errorOf(error) }, 'worker_backlog_unknown');
      })
      .finally(() => {
        this.#lookedMs = this.#now();
        this.#looking = false;
      });
  }

  async #backlog(): Promise<number> {
    const { admin, workerGroup, commandsTopic } = this.#options;
    const [ranges, offsets] = await Promise.all([
      admin.ranges(commandsTopic),
      admin.groupOffsets(workerGroup, commandsTopic),
    ]);
    const committed = new Map(offsets.map((each) => [each.partition, each.committed]));
    return ranges.reduce((sum, { partition, start, end }) => sum + end - (committed.get(partition) ?? start), 0);
  }
}
