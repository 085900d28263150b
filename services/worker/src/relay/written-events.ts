import { eventHeaders, type FramedEvents } from '@tradestream/contracts';
import type { OutgoingRecord } from '@tradestream/messaging';
import type { EventType } from '@tradestream/trading';

/** `ce_source` of every event. */
const SOURCE = '/tradestream/worker';

/** What the relay needs of a batch's events besides their bytes and places, each in a column. */
export type EventHeads = {
  readonly keys: readonly string[];
  readonly types: readonly EventType[];
  readonly timesMs: readonly number[];
  readonly traceparents: readonly (string | null)[];
};

/** A batch's events as they stand in the ledger. */
export type WrittenEvents = { readonly heads: EventHeads; readonly framed: FramedEvents };

/** An event as the ledger holds it. */
export type LoadedEvent = {
  readonly seq: number;
  readonly key: string;
  readonly type: EventType;
  readonly timeline: number;
  readonly timestampMs: number;
  readonly traceparent: string | null;
  /** The Avro record in its frame, as Kafka carries it. */
  readonly value: Buffer;
};

export function recordOf(partition: number, event: LoadedEvent): OutgoingRecord {
  const { key, value, timestampMs } = event;
  return { partition, key, value, timestampMs, headers: headersOf(partition, event) };
}

/**
 * An event of a batch as it is published. All its parts are made when they are asked for, which is when
 * the producer writes it: of the many events of a publish none has to outlive that moment.
 */
export class WrittenRecord implements OutgoingRecord {
  readonly partition: number;
  readonly #written: WrittenEvents;
  readonly #index: number;

  constructor(written: WrittenEvents, index: number) {
    this.partition = written.framed.partition(index);
    this.#written = written;
    this.#index = index;
  }

  get seq(): number {
    return this.#written.framed.seq(this.#index);
  }

  get key(): string {
    return this.#written.heads.keys[this.#index] ?? '';
  }

  get timestampMs(): number {
    return this.#written.heads.timesMs[this.#index] ?? 0;
  }

  get headers(): Record<string, string> {
    const { heads, framed } = this.#written;
    return headersOf(this.partition, {
      seq: this.seq,
      type: heads.types[this.#index] ?? 'CommandRejected',
      timeline: framed.timeline,
      timestampMs: this.timestampMs,
      traceparent: heads.traceparents[this.#index] ?? null,
    });
  }

  get value(): Buffer {
    return this.#written.framed.value(this.#index);
  }

  get valueBytes(): number {
    return this.#written.framed.byteCount(this.#index);
  }

  writeValue(target: Buffer, at: number): void {
    this.#written.framed.writeTo(this.#index, target, at);
  }
}

function headersOf(
  partition: number,
  event: Pick<LoadedEvent, 'seq' | 'type' | 'timeline' | 'timestampMs' | 'traceparent'>,
): Record<string, string> {
  const { seq, type, timeline, timestampMs, traceparent } = event;
  return eventHeaders({
    partition,
    seq,
    timeline,
    type,
    source: SOURCE,
    timeMs: timestampMs,
    traceparent: traceparent ?? undefined,
  });
}
