import type { BufferPool } from './buffer-pool.ts';

/** Writes Kafka's primitive types into a buffer that was sized before, or that `reserve` makes larger. */
export class ByteWriter {
  position = 0;
  #buffer: Buffer;
  readonly #pool: BufferPool | undefined;

  /** Into memory of its own, or of a pool. */
  constructor(byteCount: number, pool?: BufferPool) {
    this.#buffer = pool === undefined ? Buffer.allocUnsafe(byteCount) : pool.take(byteCount);
    this.#pool = pool;
  }

  /** What is written into. Another one after `reserve`. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Makes room for so many bytes more. Memory that was too small is not used again: the next one would take it and grow too. */
  reserve(byteCount: number): void {
    const end = this.position + byteCount;
    if (end <= this.#buffer.length) return;
    const bytes = Math.max(end, this.#buffer.length * 2);
    const larger = this.#pool === undefined ? Buffer.allocUnsafe(bytes) : this.#pool.take(bytes);
    this.#buffer.copy(larger, 0, 0, this.position);
    this.#buffer = larger;
  }

  int8(value: number): void {
    this.position = this.#buffer.writeInt8(value, this.position);
  }

  int16(value: number): void {
    this.position = this.#buffer.writeInt16BE(value, this.position);
  }

  int32(value: number): void {
    this.position = this.#buffer.writeInt32BE(value, this.position);
  }

  uint32(value: number): void {
    this.position = this.#buffer.writeUInt32BE(value, this.position);
  }

  int64(value: number): void {
    this.#buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), this.position);
    this.position = this.#buffer.writeUInt32BE(value >>> 0, this.position + 4);
  }

  varint(value: number): void {
    let raw = ((value << 1) ^ (value >> 31)) >>> 0;
    while (raw > 0x7f) {
      this.#buffer[this.position] = (raw & 0x7f) | 0x80;
      this.position += 1;
      raw >>>= 7;
    }
    this.#buffer[this.position] = raw;
    this.position += 1;
  }

  varlong(value: number): void {
    let raw = value >= 0 ? value * 2 : -value * 2 - 1;
    while (raw > 0x7f) {
      this.#buffer[this.position] = (raw % 128) | 0x80;
      this.position += 1;
      raw = Math.floor(raw / 128);
    }
    this.#buffer[this.position] = raw;
    this.position += 1;
  }

  text(value: string): void {
    this.int16(Buffer.byteLength(value));
    this.position += this.#buffer.write(value, this.position);
  }

  /** Text behind its length as a varint. Short texts are nearly always ASCII, for which a loop beats a call into the encoder. */
  varintText(value: string): void {
    const { length } = value;
    if (length > SHORT_TEXT) return this.#longText(value);
    const bytes = this.#buffer;
    let at = this.position;
    bytes[at++] = length << 1;
    for (let index = 0; index < length; index += 1) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return this.#longText(value);
      bytes[at++] = unit;
    }
    this.position = at;
  }

  bytes(value: Buffer): void {
    value.copy(this.#buffer, this.position);
    this.position += value.length;
  }

  /** What was written so far. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.position);
  }

  #longText(value: string): void {
    this.varint(Buffer.byteLength(value));
    this.position += this.#buffer.write(value, this.position);
  }
}

/** The longest text whose length is one byte as a varint. */
const SHORT_TEXT = 63;

export function varintLength(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  if (raw < 0x80) return 1;
  if (raw < 0x4000) return 2;
  if (raw < 0x20_0000) return 3;
  return raw < 0x1000_0000 ? 4 : 5;
}
