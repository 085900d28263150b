import { errorOf, invariant } from '@tradestream/runtime';
import { MessagingError } from './errors.ts';
import type { RecordBatch, SubscriptionHandler } from './ports.ts';

/**
 * One assignment of partitions to one member, from `assigned` to `revoked`. Both adapters deliver
 * through it, so the order of calls that the port promises is made in one place:
 *
 *   begin -> deliver ... deliver -> end          end may come at any time, also before begin ended
 */
export class Assignment {
  readonly partitions: readonly number[];
  readonly #handler: SubscriptionHandler;
  readonly #lost = new AbortController();
  /** Next offset to deliver. A partition that is absent is not consumed. */
  readonly #positions = new Map<number, number>();
  readonly #running = new Set<Promise<void>>();
  #begun = false;
  #ending: Promise<void> | undefined;

  constructor(handler: SubscriptionHandler, partitions: readonly number[]) {
    this.#handler = handler;
    this.partitions = [...partitions].sort((left, right) => left - right);
  }

  /** Aborts when the assignment is lost. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Asks the owner where each partition begins. Empty when the assignment was lost meanwhile. */
  async begin(): Promise<ReadonlyMap<number, number>> {
    if (this.#lost.signal.aborted) return new Map();
    this.#begun = true;
    await this.#track('assigned', async () => {
      const starts = await this.#handler.assigned(this.partitions, this.#lost.signal);
      for (const [partition, offset] of starts) {
        invariant(this.partitions.includes(partition), `partition ${partition} was not assigned`);
        invariant(Number.isSafeInteger(offset) && offset >= 0, `partition ${partition} cannot begin at ${offset}`);
        this.#positions.set(partition, offset);
      }
    });
    return this.#lost.signal.aborted ? new Map() : new Map(this.#positions);
  }

  /** Hands over what is at or beyond the partition's position; nothing once the assignment is lost. */
  async deliver(batch: RecordBatch): Promise<void> {
    const position = this.#positions.get(batch.partition);
    if (position === undefined || this.#lost.signal.aborted) return;
    const records = startingAt(batch.records, position);
    const last = records.at(-1);
    if (last === undefined) return;
    this.#positions.set(batch.partition, last.offset + 1);
    await this.#track('records', async () => await this.#handler.records({ ...batch, records }));
  }

  /**
   * Loses the assignment: nothing is delivered any more, running calls get `drainMs`, then the
   * owner hears `revoked` and gets as long again.
   */
  end(drainMs: number): Promise<void> {
    this.#ending ??= this.#end(drainMs);
    return this.#ending;
  }

  async #end(drainMs: number): Promise<void> {
    this.#lost.abort(new MessagingError('MSG_ABORTED', { detail: 'the assignment was lost' }));
    await within(drainMs, Promise.allSettled(this.#running));
    if (!this.#begun) return;
    try {
      await within(drainMs, this.#handler.revoked(this.partitions));
    } catch (cause) {
      throw handlerFailed('revoked', cause);
    }
  }

  async #track(call: 'assigned' | 'records', work: () => Promise<void>): Promise<void> {
    const running = work();
    this.#running.add(running);
    try {
      await running;
    } catch (cause) {
      if (!this.#lost.signal.aborted) throw handlerFailed(call, cause);
    } finally {
      this.#running.delete(running);
    }
  }
}

function startingAt(records: RecordBatch['records'], position: number): RecordBatch['records'] {
  const first = records[0];
  if (first === undefined || first.offset >= position) return records;
  return records.filter((record) => record.offset >= position);
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([work, timeIsUp]);
  } finally {
    clearTimeout(timer);
  }
}

function handlerFailed(call: string, cause: unknown): MessagingError {
  const error = errorOf(cause);
  return new MessagingError('MSG_HANDLER_FAILED', { cause: error, detail: error.message, context: { call } });
}
