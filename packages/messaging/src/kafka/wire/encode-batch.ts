import type { OutgoingRecord, RecordHeaders } from '../../ports.ts';
import { type ByteWriter, varintLength } from './byte-writer.ts';
import { crc32c } from './crc32c.ts';
import { BATCH } from './record-batch.ts';

/** A record's length, where it stands; nearly all are that long. */
const LENGTH_BYTES = 2;
/** Most bytes of a record's fixed parts, of the two lengths of a header, and of a UTF-16 unit as UTF-8. */
const FIXED_BYTES_MAX = 40;
const HEADER_BYTES_MAX = 10;
const UNIT_BYTES_MAX = 3;
const NO_HEADERS: RecordHeaders = {};

/**
 * Records as one uncompressed batch, written in one pass behind what is in the writer already. It
 * carries no producer id: the broker neither numbers nor drops anything by itself (see the producer
 * for why).
 */
export class BatchEncoder {
  readonly #bytesMax: number;
  readonly #writer: ByteWriter;
  readonly #start: number;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  constructor(writer: ByteWriter, options: { readonly bytesMax: number }) {
    this.#bytesMax = options.bytesMax;
    this.#writer = writer;
    this.#start = writer.position;
    writer.reserve(BATCH.headerBytes);
    writer.position += BATCH.headerBytes;
  }

  /** Whether the record found room. The first always does: if it is too large, the broker says so. */
  add(record: OutgoingRecord, nowMs: number): boolean {
    const writer = this.#writer;
    // Each part is asked for once: a record may make its parts then.
    const { key, timestampMs = nowMs, headers = NO_HEADERS } = record;
    const value = record.writeValue === undefined ? record.value : record;
    const valueBytes = record.valueBytes ?? record.value?.length ?? 0;
    const start = writer.position;
    writer.reserve(valueBytes + bytesMax(key) + headersBytesMax(headers));
    const base = this.#count === 0 ? timestampMs : this.#baseTimestamp;
    writer.position = start + LENGTH_BYTES;
    writer.int8(0);
    writer.varlong(timestampMs - base);
    writer.varint(this.#count);
    writeNullable(writer, key);
    writeValue(writer, value, valueBytes);
    writeHeaders(writer, headers);
    putLength(writer, start);
    if (this.#count > 0 && writer.position - this.#start > this.#bytesMax) {
      writer.position = start;
      return false;
    }
    this.#baseTimestamp = base;
    this.#maxTimestamp = this.#count === 0 ? timestampMs : Math.max(this.#maxTimestamp, timestampMs);
    this.#count += 1;
    return true;
  }

  /** Writes header and checksum. Nothing can be added afterwards. */
  finish(): void {
    const writer = this.#writer;
    const end = writer.position;
    writer.position = this.#start;
    writer.int64(0);
    writer.int32(end - this.#start - BATCH.countedFrom);
    writer.int32(-1);
    writer.int8(BATCH.magic);
    writer.uint32(0);
    writer.int16(0);
    writer.int32(this.#count - 1);
    writer.int64(this.#baseTimestamp);
    writer.int64(this.#maxTimestamp);
    writer.int64(-1);
    writer.int16(-1);
    writer.int32(-1);
    writer.int32(this.#count);
    writer.position = this.#start + BATCH.crcAt;
    writer.uint32(crc32c(writer.buffer, this.#start + BATCH.attributesAt, end));
    writer.position = end;
  }
}

/** The length before a record that was written behind room for a usual one. */
function putLength(writer: ByteWriter, start: number): void {
  const bodyStart = start + LENGTH_BYTES;
  const length = writer.position - bodyStart;
  const lengthBytes = varintLength(length);
  if (lengthBytes !== LENGTH_BYTES) writer.buffer.copyWithin(start + lengthBytes, bodyStart, writer.position);
  writer.position = start;
  writer.varint(length);
  writer.position += length;
}

function writeValue(writer: ByteWriter, value: OutgoingRecord | Buffer | null, byteCount: number): void {
  if (value === null || Buffer.isBuffer(value)) {
    writeNullable(writer, value);
    return;
  }
  writer.varint(byteCount);
  value.writeValue?.(writer.buffer, writer.position);
  writer.position += byteCount;
}

function writeHeaders(writer: ByteWriter, headers: RecordHeaders): void {
  writer.varint(headerCount(headers));
  // The headers are walked, not listed: a list of pairs for each record costs more than writing them.
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (isOne(value)) writeHeader(writer, name, value);
    else for (const item of value) writeHeader(writer, name, item);
  }
}

/** What a record's headers and all its fixed parts come to at most. */
function headersBytesMax(headers: RecordHeaders): number {
  let total = FIXED_BYTES_MAX;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (isOne(value)) total += headerBytesMax(name, value);
    else for (const item of value) total += headerBytesMax(name, item);
  }
  return total;
}

function headerBytesMax(name: string, value: Buffer | string): number {
  return HEADER_BYTES_MAX + bytesMax(name) + bytesMax(value);
}

function bytesMax(value: Buffer | string | null): number {
  if (value === null) return 0;
  return typeof value === 'string' ? value.length * UNIT_BYTES_MAX : value.length;
}

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
  writer.varintText(name);
  writeNullable(writer, value);
}

function writeNullable(writer: ByteWriter, value: Buffer | string | null): void {
  if (value === null) {
    writer.varint(-1);
  } else if (typeof value === 'string') {
    writer.varintText(value);
  } else {
    writer.varint(value.length);
    writer.bytes(value);
  }
}
