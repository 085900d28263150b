import { MessagingError } from '../errors.ts';
import type { OutgoingRecord, RecordPlace } from '../ports.ts';

/** What one record costs beyond key and value, for the bound on what may wait. */
const RECORD_OVERHEAD_BYTES = 64;

/** One call of `send` until it is settled: its records may leave in several batches. */
export class SendCall {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly result: Promise<readonly RecordPlace[]>;
  readonly #places: RecordPlace[];
  readonly #settle = Promise.withResolvers<readonly RecordPlace[]>();
  readonly #onSettled: (call: SendCall) => void;
  #left: number;
  #done = false;

  constructor(
    topic: string,
    records: readonly OutgoingRecord[],
    options: { readonly deadlineMs: number; readonly onSettled: (call: SendCall) => void },
  ) {
    this.topic = topic;
    this.records = records;
    this.bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    this.deadlineMs = options.deadlineMs;
    this.#onSettled = options.onSettled;
    this.result = this.#settle.promise;
    this.#places = Array.from({ length: records.length });
    this.#left = records.length;
  }

  /** Settled, or given up: what is left of it need not be sent. */
  get done(): boolean {
    return this.#done;
  }

  acknowledge(index: number, place: RecordPlace): void {
    this.#places[index] = place;
    this.#left -= 1;
    if (this.#left > 0 || this.#done) return;
    this.#done = true;
    this.#onSettled(this);
    this.#settle.resolve(this.#places);
  }

  fail(error: MessagingError): void {
    if (this.#done) return;
    this.#done = true;
    this.#onSettled(this);
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
}

function bytesOf(record: OutgoingRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
