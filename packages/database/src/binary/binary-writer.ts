/** Longest header of an array: dimensions, null flag, element type, length, lower bound. */
const HEADER_BYTES = 20;
/** What stands before the rows of a binary COPY: its signature, no flags, no extension. */
const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** A row of -1 fields. */
const NO_MORE_ROWS = -1;

const FIRST_BYTES = 1 << 16;
const GROWTH = 1.25;
const WORD = 2 ** 32;

/**
 * Memory for the columns of one batch, used again for the next. A batch's columns are megabytes that
 * live for the time of a commit: made anew each time they are what drives the garbage collector.
 */
export class ColumnMemory {
  /** Grows to what the largest batch needed. */
  bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  /** The same bytes, for numbers: a quarter of the time of the buffer's own methods. */
  view = viewOf(this.bytes);
  /** Where the next column begins. */
  at = 0;

  /** Nothing refers to the columns any more: the server has answered. */
  reuse(): void {
    this.at = 0;
  }
}

/**
 * Writes arrays, and rows for COPY, in PostgreSQL's binary form, one after the other: into memory of its
 * own, from which each is copied out, or into a batch's memory, where each stays. An element of an array
 * and a field of a row look alike: a length of 32 bits, and the value.
 */
export class BinaryWriter {
  readonly #own = new ColumnMemory();
  #memory = this.#own;
  #bytes = this.#own.bytes;
  #view = this.#own.view;
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
  beginArray(elementOid: number, count: number): void {
    this.#begin();
    this.reserve(HEADER_BYTES);
    const start = this.#start;
    this.#view.setInt32(start, count === 0 ? 0 : 1);
    this.#view.setInt32(start + 8, elementOid);
    this.#view.setInt32(start + 12, count);
    this.#view.setInt32(start + 16, 1);
    this.#at = start + (count === 0 ? 12 : HEADER_BYTES);
  }

  /** Starts rows for COPY. */
  beginRows(): void {
    this.#begin();
    this.reserve(COPY_HEADER.length);
    this.#at += COPY_HEADER.copy(this.#bytes, this.#at);
  }

  /** Bytes written since the array or the rows began. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Makes room for `count` more bytes, the element's length included. */
  reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    // Columns that are done stay where they are; only the one being written moves.
    const written = this.#at - this.#start;
    const larger = Buffer.allocUnsafeSlow(Math.max(Math.ceil(this.#bytes.length * GROWTH), written + count));
    this.#bytes.copy(larger, 0, this.#start, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
    this.#start = 0;
    this.#at = written;
    this.#memory.bytes = larger;
    this.#memory.view = this.#view;
    this.#memory.at = 0;
  }

  null(): void {
    this.#nulls = true;
    this.int32(-1);
  }

  /** @throws {RangeError} for what is no whole number of 32 bits */
  int32(value: number): void {
    if (value !== (value | 0)) throw new RangeError(`${value} is no whole number of 32 bits`);
    this.reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** The lower 16 bits. */
  int16(value: number): void {
    this.reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /**
   * A whole number of 64 bits.
   * @throws {RangeError} for a number that is none, or that a double does not hold exactly
   */
  int64(value: number | bigint): void {
    this.reserve(8);
    const at = this.#at;
    if (typeof value === 'bigint') {
      this.#bytes.writeBigInt64BE(value, at);
    } else {
      if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number that a double holds exactly`);
      const high = Math.floor(value / WORD);
      this.#view.setInt32(at, high);
      this.#view.setUint32(at + 4, value - high * WORD);
    }
    this.#at = at + 8;
  }

  raw(value: Uint8Array): void {
    const start = this.skipRaw(value.length);
    this.#bytes.set(value, start);
  }

  /** Leaves room for a value of so many bytes, behind its length; answers where in `bytes` it begins. */
  skipRaw(count: number): number {
    this.reserve(count + 4);
    const start = this.#at + 4;
    this.#view.setInt32(this.#at, count);
    this.#at = start + count;
    return start;
  }

  /** Where it writes, until the next value. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** A byte for each character. */
  latin1(value: string): void {
    let at = this.skipRaw(value.length);
    const bytes = this.#bytes;
    for (let index = 0; index < value.length; index += 1) bytes[at++] = value.charCodeAt(index);
  }

  text(value: string): void {
    this.reserve(value.length * 3 + 4);
    const start = this.#at + 4;
    const length = this.#writeAscii(value, start) ? value.length : this.#bytes.write(value, start, 'utf8');
    this.#view.setInt32(this.#at, length);
    this.#at = start + length;
  }

  /** The array: a copy, or its place in the batch's memory. */
  takeArray(): Buffer {
    this.#view.setInt32(this.#start + 4, this.#nulls ? 1 : 0);
    return this.#take();
  }

  /** The rows, as an array. */
  takeRows(): Buffer {
    this.int16(NO_MORE_ROWS);
    return this.#take();
  }

  #begin(): void {
    this.#nulls = false;
    this.#bytes = this.#memory.bytes;
    this.#view = this.#memory.view;
    this.#start = this.#memory.at;
    this.#at = this.#start;
  }

  #take(): Buffer {
    const taken = this.#bytes.subarray(this.#start, this.#at);
    if (this.#memory === this.#own) return Buffer.from(taken);
    this.#memory.at = this.#at;
    return taken;
  }

  /** Short ids are ASCII: a loop beats a call into the encoder. */
  #writeAscii(value: string, start: number): boolean {
    if (value.length > 40) return false;
    const bytes = this.#bytes;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[start + index] = code;
    }
    return true;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
