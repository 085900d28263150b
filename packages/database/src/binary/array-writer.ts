/** Longest header of an array: dimensions, null flag, element type, length, lower bound. */
const HEADER_BYTES = 20;

const FIRST_BYTES = 1 << 16;
const GROWTH = 1.25;

/**
 * Memory for the columns of one batch, used again for the next. A batch's columns are megabytes that
 * live for the time of a commit: made anew each time they are what drives the garbage collector.
 */
export class ColumnMemory {
  /** Grows to what the largest batch needed. */
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** Where the next column begins. */
  at = 0;

  /** Nothing refers to the columns any more: the server has answered. */
  reuse(): void {
    this.at = 0;
  }
}

/**
 * Writes arrays in PostgreSQL's binary form, one after the other: into memory of its own, from which
 * each is copied out, or into a batch's memory, where each stays.
 */
export class ArrayWriter {
  readonly #own = new ColumnMemory();
  #memory = this.#own;
  #bytes = this.#own.bytes;
  #start = 0;
  #at = 0;
  #nulls = false;

  /** Whatever `work` writes stays in `memory`. */
  within<T>(memory: ColumnMemory, work: () => T): T {
    const before = this.#memory;
    this.#memory = memory;
    try {
      return work();
    } finally {
      this.#memory = before;
    }
  }

  /** Starts an array of `count` elements of the type with this object id. */
  begin(elementOid: number, count: number): void {
    this.#nulls = false;
    this.#bytes = this.#memory.bytes;
    this.#start = this.#memory.at;
    this.#at = this.#start;
    this.reserve(HEADER_BYTES);
    const bytes = this.#bytes;
    const start = this.#start;
    bytes.writeInt32BE(count === 0 ? 0 : 1, start);
    bytes.writeInt32BE(elementOid, start + 8);
    bytes.writeInt32BE(count, start + 12);
    bytes.writeInt32BE(1, start + 16);
    this.#at = start + (count === 0 ? 12 : HEADER_BYTES);
  }

  /** Makes room for `count` more bytes, the element's length included. */
  reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    // Columns that are done stay where they are; only the one being written moves.
    const written = this.#at - this.#start;
    const larger = Buffer.allocUnsafeSlow(Math.max(Math.ceil(this.#bytes.length * GROWTH), written + count));
    this.#bytes.copy(larger, 0, this.#start, this.#at);
    this.#bytes = larger;
    this.#start = 0;
    this.#at = written;
    this.#memory.bytes = larger;
    this.#memory.at = 0;
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

  /** The array: a copy, or its place in the batch's memory. */
  take(): Buffer {
    this.#bytes.writeInt32BE(this.#nulls ? 1 : 0, this.#start + 4);
    const array = this.#bytes.subarray(this.#start, this.#at);
    if (this.#memory === this.#own) return Buffer.from(array);
    this.#memory.at = this.#at;
    return array;
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
