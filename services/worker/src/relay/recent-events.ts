import type { EventType } from '@tradestream/trading';

/** An event as the relay publishes it. */
export type PublishedEvent = {
  readonly seq: number;
  readonly key: string;
  readonly type: EventType;
  readonly timeline: number;
  readonly timestampMs: number;
  readonly traceparent: string | null;
  /** The Avro record in its frame, as Kafka carries it. */
  readonly value: Buffer;
};

/**
 * Events that this worker has just committed, for its relay: reading them back costs the server and
 * this process as much as encoding them did. The table is the truth: what is not here, or does not
 * follow what was published without a gap, is read there. Told of nothing before its COMMIT has
 * answered, and emptied with every claim.
 */
export class RecentEvents {
  readonly #lanes = new Map<number, PublishedEvent[]>();
  readonly #countMax: number;
  #count = 0;

  /** At most `countMax` events are held, over all partitions. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Adds a batch's events; of each partition in the order of their sequence. */
  add(events: Iterable<readonly [partition: number, event: PublishedEvent]>): void {
    for (const [partition, event] of events) {
      const lane = this.#lanes.get(partition) ?? [];
      this.#lanes.set(partition, lane);
      const last = lane.at(-1);
      const isFull = this.#count >= this.#countMax;
      if (last !== undefined && (isFull || last.seq + 1 !== event.seq)) this.#drop(lane, lane.length);
      if (this.#count >= this.#countMax) continue; // the others' lanes fill it: read from the table
      lane.push(event);
      this.#count += 1;
    }
  }

  /** The next events of a partition, from `fromSeq` on and without a gap; empty when they are not all here. */
  next(partition: number, range: { readonly fromSeq: number; readonly toSeq: number; readonly countMax: number }) {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return [];
    const published = lane.findIndex((event) => event.seq >= range.fromSeq);
    this.#drop(lane, published < 0 ? lane.length : published);
    if (lane[0]?.seq !== range.fromSeq) return [];
    return lane.slice(0, Math.min(range.countMax, range.toSeq - range.fromSeq + 1));
  }

  clear(): void {
    this.#lanes.clear();
    this.#count = 0;
  }

  #drop(lane: PublishedEvent[], count: number): void {
    lane.splice(0, count);
    this.#count -= count;
  }
}
