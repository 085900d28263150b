import type { Closeable, Logger } from '@tradestream/runtime';
import type { EventPlace, ReceiptStore, StoredReceipt } from './receipt-store.ts';
import { SharedPoll } from './shared-poll.ts';

export type { StoredReceipt } from './receipt-store.ts';

type Limits = { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined };

/** Keys of one look; an index lookup each, so a look stays within milliseconds. */
const KEYS_MAX = 2_000;

/** Waits for receipts on the primary, and for their events in the views, for all callers together. */
export class ReceiptWatch implements Closeable {
  readonly #receipts: SharedPoll<StoredReceipt>;
  readonly #projections: SharedPoll<true>;

  constructor(store: () => ReceiptStore, log: Logger) {
    this.#receipts = new SharedPoll({ load: (ids) => store().loadReceipts(ids), keysMax: KEYS_MAX, log });
    this.#projections = new SharedPoll({ load: (keys) => projectedKeys(store(), keys), keysMax: KEYS_MAX, log });
  }

  /** The first receipt of that id; null when the time is over. */
  outcome(commandId: string, limits: Limits): Promise<StoredReceipt | null> {
    return this.#receipts.wait(commandId, limits);
  }

  /** Whether every projection has the event before the time is over. */
  async projected(event: EventPlace, limits: Limits): Promise<boolean> {
    return (await this.#projections.wait(`${event.partition}/${event.seq}`, limits)) === true;
  }

  async close(): Promise<void> {
    await Promise.all([this.#receipts.close(), this.#projections.close()]);
  }
}

async function projectedKeys(store: ReceiptStore, keys: readonly string[]): Promise<ReadonlyMap<string, true>> {
  const reached = await store.loadProjectedSeqs();
  return new Map(
    keys
      .filter((key) => {
        const [partition, seq] = key.split('/').map(Number);
        return (reached.get(partition ?? -1) ?? -1) >= (seq ?? Infinity);
      })
      .map((key) => [key, true]),
  );
}
