/** Longest header of an array: dimensions, null flag, element type, length, lower bound. */
const HEADER_BYTES = 20;

/** A growing buffer that holds one array in PostgreSQL's binary form; used again for each array. */
export class ArrayWriter {
  #bytes = Buffer.allocUnsafe(1 << 20);
  #at = 0;
  #nulls = false;

  /** Starts an array of `count` elements of the type with this object id. */
  begin(elementOid: number, count: number): void {
    this.#nulls = false;
    this.#at = 0;
    this.reserve(HEADER_BYTES);
    const bytes = this.#bytes;
    bytes.writeInt32BE(count === 0 ? 0 : 1, 0);
    bytes.writeInt32BE(elementOid, 8);
    bytes.writeInt32BE(count, 12);
    bytes.writeInt32BE(1, 16);
    this.#at = count === 0 ? 12 : HEADER_BYTES;
  }

  /** Makes room for `count` more bytes, the element's length included. */
  reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  null(): void {
    this.reserve(4);
    this.#nulls = true;
    this.#at = this.#bytes.writeInt32BE(-1, this.#at);
  }

  int32(value: number): void {
    this.reserve(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  uint16(value: number): void {
    this.reserve(2);
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** A whole number of 64 bits, from one that a double holds exactly. */
  int64(value: number | bigint): void {
    this.reserve(8);
    if (typeof value === 'bigint') {
      this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
      return;
    }
    const high = Math.floor(value / 4_294_967_296);
    this.#bytes.writeInt32BE(high, this.#at);
    this.#at = this.#bytes.writeUInt32BE(value - high * 4_294_967_296, this.#at + 4);
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length + 4);
    this.#at = this.#bytes.writeInt32BE(value.length, this.#at);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Elements with their lengths, as they are. */
  append(elements: Uint8Array): void {
    this.reserve(elements.length);
    this.#bytes.set(elements, this.#at);
    this.#at += elements.length;
  }

  /** A byte for each character. */
  latin1(value: string): void {
    this.reserve(value.length + 4);
    const bytes = this.#bytes;
    let at = bytes.writeInt32BE(value.length, this.#at);
    for (let index = 0; index < value.length; index += 1) bytes[at++] = value.charCodeAt(index);
    this.#at = at;
  }

  text(value: string): void {
    this.reserve(value.length * 3 + 4);
    const start = this.#at + 4;
    const length = this.#writeAscii(value, start) ? value.length : this.#bytes.write(value, start, 'utf8');
    this.#bytes.writeInt32BE(length, this.#at);
    this.#at = start + length;
  }

  /** The array as bytes of its own. */
  take(): Buffer {
    this.#bytes.writeInt32BE(this.#nulls ? 1 : 0, 4);
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }

  /** Short ids are ASCII: a loop beats a call into the encoder. */
  #writeAscii(value: string, start: number): boolean {
    if (value.length > 40) return false;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      this.#bytes[start + index] = code;
    }
    return true;
  }
}
