import { sleep } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf } from './failure.ts';
import { fetchTopic } from './fetch-topic.ts';
import type { KafkaClient } from './kafka-client.ts';
import type { Lane } from './lane.ts';

export type FetchSettings = {
  readonly topic: string;
  readonly fetchBytesMax: number;
  readonly fetchWaitMs: number;
  readonly fetchGatherMs: number;
  /** No answer for this long: the connections are dropped and made anew. */
  readonly watchdogMs: number;
};

/** A batch that cannot be read is fetched this often: damage on the way is not damage on the disk. */
const UNREADABLE_MAX = 3;
/** A partition is fetched again while less than this share of a fetch waits for its owner. */
const PREFETCH_SHARE = 0.25;
const PARTITION_BYTES_MIN = 64 * 1024;
/** A fetch that brings as much is followed by the next at once, whatever is to gather. */
const GATHERED_BYTES = 64 * 1024;

/**
 * Keeps the lanes of one assignment filled: one long-polling fetch at each node that leads some of
 * them, for the partitions whose owner keeps up. A failed exchange costs the client, never a record:
 * each lane knows the offset it wants next.
 */
export class Fetcher {
  readonly #source: ClientSource;
  readonly #settings: FetchSettings;
  readonly #lanes: readonly Lane[];
  /** What lanes hold is live memory, so they share two answers' worth; a lone one may take a whole answer. */
  readonly #partitionBytesMax: number;
  readonly #busy = new Set<number>();
  #turn = 0;
  #unreadable = 0;
  #failure: { readonly error: unknown; readonly client: KafkaClient } | undefined;
  #wake: () => void = () => undefined;

  constructor(source: ClientSource, settings: FetchSettings, lanes: readonly Lane[]) {
    this.#source = source;
    this.#settings = settings;
    this.#lanes = lanes;
    const share = Math.floor((2 * settings.fetchBytesMax) / Math.max(1, lanes.length));
    this.#partitionBytesMax = Math.min(settings.fetchBytesMax, Math.max(PARTITION_BYTES_MIN, share));
  }

  /** A lane was emptied. */
  wake(): void {
    this.#wake();
  }

  /**
   * Runs until the signal aborts.
   * @throws {MessagingError} MSG_OFFSET_OUT_OF_RANGE, MSG_UNREADABLE_BATCH, MSG_REFUSED, MSG_CLOSED
   */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      if (await this.#start(signal)) await woken.promise;
      if (this.#failure !== undefined) await this.#recover(this.#failure);
    }
  }

  /** Starts a fetch at each idle node; false when the cluster could not be asked who leads what. */
  async #start(signal: AbortSignal): Promise<boolean> {
    const client = await this.#source.get();
    try {
      const leaders = await client.leaders(this.#settings.topic);
      const wanted = this.#hungry();
      for (const [nodeId, lanes] of Map.groupBy(wanted, ({ partition }) => leaders.get(partition) ?? -1)) {
        if (!this.#busy.has(nodeId) && !signal.aborted) void this.#fetch(client, { nodeId, lanes, signal });
      }
      return true;
    } catch (error) {
      this.#failure = { error, client };
      return false;
    }
  }

  /** In turns: the broker fills an answer in the order asked, and stops when it is full. */
  #hungry(): readonly Lane[] {
    const bytesMax = this.#partitionBytesMax * PREFETCH_SHARE;
    const hungry = this.#lanes.filter((lane) => lane.bytes < bytesMax);
    this.#turn += 1;
    const first = this.#turn % Math.max(1, hungry.length);
    return [...hungry.slice(first), ...hungry.slice(0, first)];
  }

  async #fetch(
    client: KafkaClient,
    what: { readonly nodeId: number; readonly lanes: readonly Lane[]; readonly signal: AbortSignal },
  ): Promise<void> {
    const { topic, fetchBytesMax, fetchWaitMs, fetchGatherMs, watchdogMs } = this.#settings;
    this.#busy.add(what.nodeId);
    try {
      const fetched = await fetchTopic(client, what.nodeId, {
        topic,
        partitions: what.lanes.map((lane) => ({ partition: lane.partition, offset: lane.fetchOffset })),
        partitionBytesMax: this.#partitionBytesMax,
        answerBytesMax: fetchBytesMax,
        waitMs: fetchWaitMs,
        timeoutMs: watchdogMs,
      });
      this.#source.works();
      this.#unreadable = 0;
      if (what.signal.aborted) return;
      for (const { partition, records, nextOffset, highWatermark, bytes } of fetched) {
        const lane = what.lanes.find((asked) => asked.partition === partition);
        if (lane === undefined) continue;
        lane.fetchOffset = nextOffset;
        lane.push({ partition, records, highWatermark }, bytes);
      }
      const fetchedBytes = fetched.reduce((sum, { bytes }) => sum + bytes, 0);
      if (fetchGatherMs > 0 && fetchedBytes > 0 && fetchedBytes < GATHERED_BYTES) await sleep(fetchGatherMs);
    } catch (error) {
      this.#failure ??= { error, client };
    } finally {
      this.#busy.delete(what.nodeId);
      this.#wake();
    }
  }

  async #recover(failure: { readonly error: unknown; readonly client: KafkaClient }): Promise<void> {
    this.#failure = undefined;
    const { error, client } = failure;
    const unreadable = error instanceof MessagingError && error.code === 'MSG_UNREADABLE_BATCH';
    if (unreadable) this.#unreadable += 1;
    if (failureOf(error) === 'fatal' && !(unreadable && this.#unreadable < UNREADABLE_MAX)) throw error;
    await this.#source.discard(client, error);
    // Fetches of the old client end in the same way; what they report is about a client already gone.
    await sleep(0);
  }
}
