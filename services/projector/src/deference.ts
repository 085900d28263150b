import type { LogAdmin } from '@tradestream/messaging';
import { errorOf, type Logger } from '@tradestream/runtime';

export type DeferenceOptions = {
  readonly admin: LogAdmin;
  readonly commandsTopic: string;
  readonly workerGroup: string;
  /** Rest after a batch, in times of what the batch took; 0 never rests. */
  readonly factor: number;
  readonly log: Logger;
  readonly now?: () => number;
};

/** Younger events are being shown in time: nobody is behind. */
const AGE_MS_MIN = 1_000;
/** Beyond what a worker that keeps up has taken up and not told the group yet, at up to some 40,000 commands/s. */
const BACKLOG_MIN = 30_000;
const LOOK_MS = 500;
const REST_MS_MAX = 10_000;

/**
 * Applying goes before projecting: while the workers have a backlog, the projector rests after each
 * batch, since both live on the same processors, disk and standbys. What it leaves undone it does
 * faster afterwards, in fuller batches. A worker that keeps up is never waited for, and a rest ends
 * as soon as the backlog has.
 */
export class Deference {
  readonly #options: DeferenceOptions;
  readonly #now: () => number;
  #newestMs = 0;
  /** On the monotonic clock. */
  #restUntilMs = 0;
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
    // The answer is there when this batch is done.
    if (this.#mayRest()) this.#look();
  }

  /** Takes note of what a batch took: a rest may follow. */
  worked(batchMs: number): void {
    if (!this.#mayRest()) return;
    this.#look();
    const restMs = Math.min(REST_MS_MAX, batchMs * this.#options.factor);
    if (this.#isBehind) this.#restUntilMs = performance.now() + restMs;
  }

  /** How long to rest before asking again, ms; 0: work. */
  restMs(): number {
    const leftMs = this.#restUntilMs - performance.now();
    if (leftMs <= 0) return 0;
    this.#look();
    return this.#isBehind ? Math.min(leftMs, LOOK_MS) : 0;
  }

  #mayRest(): boolean {
    return this.#options.factor > 0 && this.#now() - this.#newestMs >= AGE_MS_MIN;
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
