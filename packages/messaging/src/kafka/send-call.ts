import { MessagingError } from '../errors.ts';
import type { OutgoingRecord, RecordPlace } from '../ports.ts';

/** What one record costs beyond key and value, for the bound on what may wait. */
const RECORD_OVERHEAD_BYTES = 64;

/** Records of a call, by their index in it, that got consecutive offsets from `baseOffset` on. */
type Acknowledged = { readonly indexes: readonly number[]; readonly partition: number; readonly baseOffset: number };

/** One call of `send` until it is settled: its records may leave in several batches. */
export class SendCall {
  readonly topic: string;
  readonly count: number;
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly result: Promise<readonly RecordPlace[]>;
  /** Let go once all of them are in batches: only bytes are sent again. */
  #records: readonly OutgoingRecord[];
  #toEncode: number;
  readonly #acknowledged: Acknowledged[] = [];
  readonly #settle = Promise.withResolvers<readonly RecordPlace[]>();
  /** By now the promise of the result is old: all that it is given lives until the old generation is collected. */
  readonly #givesPlaces: boolean;
  readonly #onSettled: (call: SendCall) => void;
  #left: number;
  #done = false;

  constructor(
    topic: string,
    records: readonly OutgoingRecord[],
    options: {
      readonly deadlineMs: number;
      readonly places: boolean;
      readonly onSettled: (call: SendCall) => void;
    },
  ) {
    this.topic = topic;
    this.count = records.length;
    this.#records = records;
    this.#toEncode = records.length;
    this.bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    this.deadlineMs = options.deadlineMs;
    this.#givesPlaces = options.places;
    this.#onSettled = options.onSettled;
    this.result = this.#settle.promise;
    this.#left = records.length;
  }

  /** Settled, or given up: what is left of it need not be sent. */
  get done(): boolean {
    return this.#done;
  }

  /** What is not in a batch yet. */
  get records(): readonly OutgoingRecord[] {
    return this.#records;
  }

  /** So many more are in a batch. */
  encoded(count: number): void {
    this.#toEncode -= count;
    if (this.#toEncode === 0) this.#records = [];
  }

  /** These have consecutive offsets. */
  acknowledge(acknowledged: Acknowledged): void {
    this.#acknowledged.push(acknowledged);
    this.#left -= acknowledged.indexes.length;
    if (this.#left > 0 || this.#done) return;
    this.#finish();
    this.#settle.resolve(this.#givesPlaces ? placesOf(this.#acknowledged, this.count) : []);
  }

  fail(error: MessagingError): void {
    if (this.#done) return;
    this.#finish();
    this.#settle.reject(error);
  }

  /** @throws {MessagingError} MSG_ABORTED through `result` once the signal aborts. */
  abortWith(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = () =>
      this.fail(new MessagingError('MSG_ABORTED', { cause: signal.reason, context: { topic: this.topic } }));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    const forget = () => signal.removeEventListener('abort', abort);
    this.result.then(forget, forget);
  }

  #finish(): void {
    this.#done = true;
    this.#records = [];
    this.#onSettled(this);
  }
}

/** Made at the end, when all of them are wanted at once. */
function placesOf(all: readonly Acknowledged[], count: number): readonly RecordPlace[] {
  const places: RecordPlace[] = Array.from({ length: count });
  for (const { indexes, partition, baseOffset } of all) {
    let offset = baseOffset;
    for (const index of indexes) places[index] = { partition, offset: offset++ };
  }
  return places;
}

function bytesOf(record: OutgoingRecord): number {
  return (record.key?.length ?? 0) + (record.valueBytes ?? record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
