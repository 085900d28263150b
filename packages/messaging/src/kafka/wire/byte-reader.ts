/** Reads Kafka's primitive types from a buffer, in order. */
export class ByteReader {
  readonly buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  int8(): number {
    const value = this.buffer.readInt8(this.position);
    this.position += 1;
    return value;
  }

  int16(): number {
    const value = this.buffer.readInt16BE(this.position);
    this.position += 2;
    return value;
  }

  int32(): number {
    const value = this.buffer.readInt32BE(this.position);
    this.position += 4;
    return value;
  }

  /** Offsets and timestamps fit a double; a BigInt for each would cost more than the rest of a record. */
  int64(): number {
    const value = this.buffer.readInt32BE(this.position) * 0x1_0000_0000 + this.buffer.readUInt32BE(this.position + 4);
    this.position += 8;
    return value;
  }

  /** Zigzag, base 128. */
  varint(): number {
    let raw = 0;
    let shift = 0;
    for (;;) {
      const byte = this.#byte();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
      shift += 7;
      if (shift > 28) throw new RangeError('a varint has more than five bytes');
    }
  }

  /** Zigzag, base 128, within the safe integers. */
  varlong(): number {
    let raw = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#byte();
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      scale *= 128;
      if (scale > 2 ** 63) throw new RangeError('a varlong has more than ten bytes');
    }
  }

  text(): string {
    return this.bytes(this.int16()).toString('utf8');
  }

  bytes(length: number): Buffer {
    const start = this.position;
    const end = start + length;
    if (length < 0 || end > this.buffer.length) throw new RangeError('a length reaches beyond the end');
    this.position = end;
    return this.buffer.subarray(start, end);
  }

  /** Goes on behind bytes that are not read, or not yet. */
  skip(length: number): void {
    if (this.position + length > this.buffer.length) throw new RangeError('a length reaches beyond the end');
    this.position += length;
  }

  #byte(): number {
    const byte = this.buffer[this.position];
    if (byte === undefined) throw new RangeError('the bytes end within a number');
    this.position += 1;
    return byte;
  }
}
