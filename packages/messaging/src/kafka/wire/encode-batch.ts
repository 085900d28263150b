import type { OutgoingRecord, RecordHeaders } from '../../ports.ts';
import { BufferPool } from './buffer-pool.ts';
import { ByteWriter, textBytes, varintLength, varlongLength } from './byte-writer.ts';
import { crc32c } from './crc32c.ts';
import { BATCH } from './record-batch.ts';

const FIRST_BYTES = 16 * 1024;

/**
 * Records as one uncompressed batch, written in one pass. It carries no producer id: the broker
 * neither numbers nor drops anything by itself (see the producer for why).
 */
export class BatchEncoder {
  readonly #bytesMax: number;
  readonly #pool: BufferPool;
  #writer: ByteWriter;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(options: { readonly bytesMax: number; readonly bytesExpected?: number; readonly pool?: BufferPool }) {
    const { bytesMax, bytesExpected = FIRST_BYTES, pool = new BufferPool() } = options;
    this.#bytesMax = bytesMax;
    this.#pool = pool;
    this.#writer = new ByteWriter(pool.take(Math.min(bytesMax, bytesExpected) + BATCH.headerBytes));
    this.#writer.position = BATCH.headerBytes;
  }

  /** Whether the record found room. The first always does: if it is too large, the broker says so. */
  add(record: OutgoingRecord, nowMs: number): boolean {
    const timestampMs = record.timestampMs ?? nowMs;
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs;
      this.#maxTimestamp = timestampMs;
    }
    const timestampDelta = timestampMs - this.#baseTimestamp;
    const length = bodyBytes(record, this.#count, timestampDelta);
    const end = this.#writer.position + varintLength(length) + length;
    if (this.#count > 0 && end > this.#bytesMax) return false;
    if (end > this.#writer.buffer.length) this.#grow(end);
    this.#writer.varint(length);
    writeBody(this.#writer, record, { offsetDelta: this.#count, timestampDelta });
    this.#maxTimestamp = Math.max(this.#maxTimestamp, timestampMs);
    this.#count += 1;
    return true;
  }

  /** The memory of the batch, for the pool once the batch is of no use any more. */
  get memory(): Buffer {
    return this.#writer.buffer;
  }

  /** The whole batch with header and checksum. Nothing can be added afterwards. */
  finish(): Buffer {
    const batch = this.#writer.written();
    this.#writer.position = 0;
    this.#writer.int64(0);
    this.#writer.int32(batch.length - BATCH.countedFrom);
    this.#writer.int32(-1);
    this.#writer.int8(BATCH.magic);
    this.#writer.uint32(0);
    this.#writer.int16(0);
    this.#writer.int32(this.#count - 1);
    this.#writer.int64(this.#baseTimestamp);
    this.#writer.int64(this.#maxTimestamp);
    this.#writer.int64(-1);
    this.#writer.int16(-1);
    this.#writer.int32(-1);
    this.#writer.int32(this.#count);
    batch.writeUInt32BE(crc32c(batch, BATCH.attributesAt, batch.length), BATCH.crcAt);
    return batch;
  }

  #grow(bytes: number): void {
    const larger = new ByteWriter(this.#pool.take(Math.max(bytes, this.#writer.buffer.length * 2)));
    larger.bytes(this.#writer.written());
    this.#pool.give(this.#writer.buffer);
    this.#writer = larger;
  }
}

function writeBody(
  writer: ByteWriter,
  record: OutgoingRecord,
  delta: { readonly offsetDelta: number; readonly timestampDelta: number },
): void {
  writer.int8(0);
  writer.varlong(delta.timestampDelta);
  writer.varint(delta.offsetDelta);
  writeNullable(writer, record.key);
  writeNullable(writer, record.value);
  const { headers = NO_HEADERS } = record;
  writer.varint(headerCount(headers));
  // The headers are walked, not listed: a list of pairs for each record costs more than writing them.
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (isOne(value)) writeHeader(writer, name, value);
    else for (const item of value) writeHeader(writer, name, item);
  }
}

function bodyBytes(record: OutgoingRecord, offsetDelta: number, timestampDelta: number): number {
  const { headers = NO_HEADERS } = record;
  let total = 1 + varlongLength(timestampDelta) + varintLength(offsetDelta) + varintLength(headerCount(headers));
  total += nullableBytes(record.key) + nullableBytes(record.value);
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (isOne(value)) total += nullableBytes(name) + nullableBytes(value);
    else for (const item of value) total += nullableBytes(name) + nullableBytes(item);
  }
  return total;
}

const NO_HEADERS: RecordHeaders = {};

function headerCount(headers: RecordHeaders): number {
  let count = 0;
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) count += isOne(value) ? 1 : value.length;
  }
  return count;
}

function isOne(value: Buffer | string | readonly (Buffer | string)[]): value is Buffer | string {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

function writeHeader(writer: ByteWriter, name: string, value: Buffer | string): void {
  writeNullable(writer, name);
  writeNullable(writer, value);
}

function writeNullable(writer: ByteWriter, value: Buffer | string | null): void {
  if (value === null) {
    writer.varint(-1);
  } else if (typeof value === 'string') {
    writer.varint(textBytes(value));
    writer.utf8(value);
  } else {
    writer.varint(value.length);
    writer.bytes(value);
  }
}

function nullableBytes(value: Buffer | string | null): number {
  if (value === null) return 1;
  const length = typeof value === 'string' ? textBytes(value) : value.length;
  return varintLength(length) + length;
}
