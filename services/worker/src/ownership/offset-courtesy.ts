import type { Subscription } from '@tradestream/messaging';
import { errorOf, type Logger } from '@tradestream/runtime';
import type { Positions } from './position.ts';

const PAUSE_MS = 500;

/**
 * Tells the group how far the ledger is, within a second of each COMMIT: for tools that watch lag.
 * Nothing rests on it.
 */
export class OffsetCourtesy {
  readonly #subscription: Subscription;
  readonly #positions: Positions;
  readonly #log: Logger;
  readonly #told = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: { readonly subscription: Subscription; readonly positions: Positions; readonly log: Logger }) {
    this.#subscription = options.subscription;
    this.#positions = options.positions;
    this.#log = options.log;
    this.#timer = setInterval(() => {
      this.#telling = this.#telling.then(() => this.#tell());
    }, PAUSE_MS);
  }

  /** Tells once more, then stops. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#telling;
    await this.#tell();
  }

  async #tell(): Promise<void> {
    const moved = [...this.#positions.values()].filter(
      (position) => this.#told.get(position.partition) !== position.committed.offset,
    );
    if (moved.length === 0) return;
    const next = new Map(moved.map((position) => [position.partition, position.committed.offset]));
    try {
      await this.#subscription.commit(next);
      for (const [partition, offset] of next) this.#told.set(partition, offset);
    } catch (error) {
      this.#log.debug({ error: errorOf(error) }, 'offset_commit_failed');
    }
  }
}
