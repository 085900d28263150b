import type { MessagingError } from '../errors.ts';
import type { SendCall } from './send-call.ts';
import type { BufferPool } from './wire/buffer-pool.ts';
import { BatchEncoder } from './wire/encode-batch.ts';

type Batch = { readonly bytes: Buffer; readonly memory: Buffer; readonly parts: readonly Chunk[] };
type Chunk = { readonly call: SendCall; readonly indexes: number[]; taken: number };

/** What waits for one partition, in the order of the calls, and the batch that is on its way. */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly #chunks: Chunk[] = [];
  readonly #pool: BufferPool;
  #batch: Batch | undefined;

  constructor(topic: string, partition: number, pool: BufferPool) {
    this.topic = topic;
    this.partition = partition;
    this.#pool = pool;
  }

  get empty(): boolean {
    return this.#batch === undefined && this.#chunks.length === 0;
  }

  add(call: SendCall, index: number): void {
    const last = this.#chunks.at(-1);
    if (last?.call === call) last.indexes.push(index);
    else this.#chunks.push({ call, indexes: [index], taken: 0 });
  }

  /**
   * The batch to send: the one that failed before, byte for byte, or the next. A batch whose callers
   * have all given up is dropped. Undefined when nothing is left.
   */
  take(bytesMax: number): Buffer | undefined {
    if (this.#batch?.parts.every(({ call }) => call.done) === true) this.#batch = undefined;
    this.#batch ??= this.#encode(bytesMax);
    return this.#batch?.bytes;
  }

  acknowledge(baseOffset: number): void {
    let offset = baseOffset;
    for (const { call, indexes } of this.#batch?.parts ?? []) {
      for (const index of indexes) {
        call.acknowledge(index, { partition: this.partition, offset });
        offset += 1;
      }
    }
    if (this.#batch !== undefined) this.#pool.give(this.#batch.memory);
    this.#batch = undefined;
  }

  /** The broker will never take this batch. */
  refuse(error: MessagingError): void {
    for (const { call } of this.#batch?.parts ?? []) call.fail(error);
    this.#batch = undefined;
  }

  #encode(bytesMax: number): Batch | undefined {
    const nowMs = Date.now();
    const parts: Chunk[] = [];
    let encoder: BatchEncoder | undefined;
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      if (!chunk.call.done) {
        encoder ??= new BatchEncoder({ bytesMax, bytesExpected: this.#bytesWaiting(), pool: this.#pool });
        const taken = addTo(encoder, chunk, nowMs);
        if (taken.length > 0) parts.push({ call: chunk.call, indexes: taken, taken: 0 });
        if (chunk.taken < chunk.indexes.length) break;
      }
      this.#chunks.shift();
    }
    return encoder === undefined ? undefined : { bytes: encoder.finish(), memory: encoder.memory, parts };
  }

  /** A guess, by the share that this partition has of each call; the encoder grows when it is short. */
  #bytesWaiting(): number {
    const overheadBytes = 256;
    return this.#chunks.reduce(
      (sum, { call, indexes }) => sum + (call.bytes / Math.max(1, call.records.length)) * indexes.length,
      overheadBytes,
    );
  }
}

function addTo(encoder: BatchEncoder, chunk: Chunk, nowMs: number): number[] {
  const first = chunk.taken;
  for (; chunk.taken < chunk.indexes.length; chunk.taken += 1) {
    const record = chunk.call.records[chunk.indexes[chunk.taken] ?? -1];
    if (record === undefined || !encoder.add(record, nowMs)) break;
  }
  return chunk.indexes.slice(first, chunk.taken);
}
