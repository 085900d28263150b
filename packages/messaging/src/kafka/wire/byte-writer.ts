/** Writes Kafka's primitive types into a buffer that was sized before. */
export class ByteWriter {
  readonly buffer: Buffer;
  position = 0;

  /** Into memory of its own, or into what is given. */
  constructor(memory: number | Buffer) {
    this.buffer = typeof memory === 'number' ? Buffer.allocUnsafe(memory) : memory;
  }

  int8(value: number): void {
    this.position = this.buffer.writeInt8(value, this.position);
  }

  int16(value: number): void {
    this.position = this.buffer.writeInt16BE(value, this.position);
  }

  int32(value: number): void {
    this.position = this.buffer.writeInt32BE(value, this.position);
  }

  uint32(value: number): void {
    this.position = this.buffer.writeUInt32BE(value, this.position);
  }

  int64(value: number): void {
    this.buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), this.position);
    this.position = this.buffer.writeUInt32BE(value >>> 0, this.position + 4);
  }

  varint(value: number): void {
    let raw = ((value << 1) ^ (value >> 31)) >>> 0;
    while (raw > 0x7f) {
      this.buffer[this.position] = (raw & 0x7f) | 0x80;
      this.position += 1;
      raw >>>= 7;
    }
    this.buffer[this.position] = raw;
    this.position += 1;
  }

  varlong(value: number): void {
    let raw = value >= 0 ? value * 2 : -value * 2 - 1;
    while (raw > 0x7f) {
      this.buffer[this.position] = (raw % 128) | 0x80;
      this.position += 1;
      raw = Math.floor(raw / 128);
    }
    this.buffer[this.position] = raw;
    this.position += 1;
  }

  text(value: string): void {
    this.int16(Buffer.byteLength(value));
    this.position += this.buffer.write(value, this.position);
  }

  /** Text without its length. Short texts are nearly always ASCII, for which a loop beats a call into the encoder. */
  utf8(value: string): void {
    if (value.length <= SHORT_TEXT && isAscii(value)) {
      for (let index = 0; index < value.length; index += 1) this.buffer[this.position++] = value.charCodeAt(index);
    } else {
      this.position += this.buffer.write(value, this.position);
    }
  }

  bytes(value: Buffer): void {
    value.copy(this.buffer, this.position);
    this.position += value.length;
  }

  /** What was written so far. */
  written(): Buffer {
    return this.buffer.subarray(0, this.position);
  }
}

const SHORT_TEXT = 64;

/** Length of a text as UTF-8. */
export function textBytes(value: string): number {
  return value.length <= SHORT_TEXT && isAscii(value) ? value.length : Buffer.byteLength(value);
}

function isAscii(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) if (value.charCodeAt(index) > 0x7f) return false;
  return true;
}

export function varintLength(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0;
  if (raw < 0x80) return 1;
  if (raw < 0x4000) return 2;
  if (raw < 0x20_0000) return 3;
  return raw < 0x1000_0000 ? 4 : 5;
}

export function varlongLength(value: number): number {
  let raw = value >= 0 ? value * 2 : -value * 2 - 1;
  let length = 1;
  for (; raw > 0x7f; length += 1) raw = Math.floor(raw / 128);
  return length;
}
