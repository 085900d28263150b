import type { MessagingError } from '../errors.ts';
import type { SendCall } from './send-call.ts';
import type { ByteWriter } from './wire/byte-writer.ts';
import { BatchEncoder } from './wire/encode-batch.ts';
import type { ProduceBatch } from './wire/produce.ts';

type Chunk = { readonly call: SendCall; readonly indexes: number[]; taken: number };
type Part = { readonly call: SendCall; readonly indexes: readonly number[] };
/** Where a batch stands in the memory of the request that it was last sent with. */
type Batch = {
  readonly writer: ByteWriter;
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Part[];
};

/** What waits for one partition, in the order of the calls, and the batch that is on its way. */
export class PartitionQueue implements ProduceBatch {
  readonly topic: string;
  readonly partition: number;
  readonly #bytesMax: number;
  #chunks: Chunk[] = [];
  #batch: Batch | undefined;

  constructor(topic: string, partition: number, bytesMax: number) {
    this.topic = topic;
    this.partition = partition;
    this.#bytesMax = bytesMax;
  }

  add(call: SendCall, index: number): void {
    const last = this.#chunks.at(-1);
    if (last?.call === call) last.indexes.push(index);
    else this.#chunks.push({ call, indexes: [index], taken: 0 });
  }

  /** Whether anything is left to send; what all callers have given up is dropped. */
  waits(): boolean {
    if (this.#batch?.parts.every(({ call }) => call.done) === true) this.#batch = undefined;
    this.#chunks = this.#chunks.filter(({ call }) => !call.done);
    return this.#batch !== undefined || this.#chunks.length > 0;
  }

  /** By the share that this partition has of each call. */
  bytesExpected(): number {
    if (this.#batch !== undefined) return this.#batch.end - this.#batch.start;
    const overheadBytes = 256;
    const bytes = this.#chunks.reduce(
      (sum, { call, indexes }) => sum + (call.bytes / call.count) * indexes.length,
      overheadBytes,
    );
    return Math.ceil(Math.min(bytes, this.#bytesMax));
  }

  /** The batch that failed before, byte for byte, or the next. */
  writeTo(writer: ByteWriter): void {
    const start = writer.position;
    const failed = this.#batch;
    if (failed !== undefined) {
      writer.reserve(failed.end - failed.start);
      writer.bytes(failed.writer.buffer.subarray(failed.start, failed.end));
    }
    const parts = failed?.parts ?? this.#encode(writer);
    this.#batch = { writer, start, end: writer.position, parts };
  }

  acknowledge(baseOffset: number): void {
    let offset = baseOffset;
    for (const { call, indexes } of this.#batch?.parts ?? []) {
      call.acknowledge({ indexes, partition: this.partition, baseOffset: offset });
      offset += indexes.length;
    }
    this.#batch = undefined;
  }

  /** The broker will never take this batch. */
  refuse(error: MessagingError): void {
    for (const { call } of this.#batch?.parts ?? []) call.fail(error);
    this.#batch = undefined;
  }

  #encode(writer: ByteWriter): readonly Part[] {
    const nowMs = Date.now();
    const encoder = new BatchEncoder(writer, { bytesMax: this.#bytesMax });
    const parts: Part[] = [];
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const indexes = addTo(encoder, chunk, nowMs);
      if (indexes.length > 0) parts.push({ call: chunk.call, indexes });
      chunk.call.encoded(indexes.length);
      if (chunk.taken < chunk.indexes.length) break;
      this.#chunks.shift();
    }
    encoder.finish();
    return parts;
  }
}

/** Adds what finds room; answers the indexes of it. */
function addTo(encoder: BatchEncoder, chunk: Chunk, nowMs: number): readonly number[] {
  const { call, indexes, taken: first } = chunk;
  const { records } = call;
  for (; chunk.taken < indexes.length; chunk.taken += 1) {
    const record = records[indexes[chunk.taken] ?? -1];
    if (record === undefined || !encoder.add(record, nowMs)) break;
  }
  return first === 0 && chunk.taken === indexes.length ? indexes : indexes.slice(first, chunk.taken);
}
