import { ColumnMemory } from '@tradestream/database';

/** A batch that commits, and the next that is built meanwhile. */
const IDLE_MAX = 2;

/** Memories for the columns of batches. One that may still be on its way to the server never comes back. */
export class ColumnPool {
  readonly #idle: ColumnMemory[] = [];

  take(): ColumnMemory {
    return this.#idle.pop() ?? new ColumnMemory();
  }

  /** Its batch is durable: every statement was answered. */
  giveBack(memory: ColumnMemory): void {
    memory.reuse();
    if (this.#idle.length < IDLE_MAX) this.#idle.push(memory);
  }
}
