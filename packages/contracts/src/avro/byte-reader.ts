import { isAmount } from '@tradestream/trading';
import { ContractError } from '../errors.ts';

const AMOUNT_BYTES_MAX = 16;
const LONG_BYTES_MAX = 10;
const NAME_BYTES_MAX = 16;
const NAMES = 256;

/** Names read last, each at the place that its bytes give it. */
const names = Array.from({ length: NAMES }, () => '');

/** Memory in which an amount is put together, least significant byte first. */
const words = new BigUint64Array(2);
const signedWords = new BigInt64Array(words.buffer);
const wordBytes = new Uint8Array(words.buffer);

/**
 * Reads Avro primitives and never beyond the value's end; each read names its field, so that an
 * error tells the place. Time and memory are bounded by the value's own length.
 */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** A whole number that a double holds exactly; a wider one is refused, never rounded. */
  long(field: string): number {
    const value = this.#number(field);
    if (Number.isNaN(value)) malformed(field, 'a whole number that a double holds exactly');
    return value;
  }

  int(field: string): number {
    const value = this.long(field);
    if (value !== (value | 0)) malformed(field, 'a 32-bit whole number');
    return value;
  }

  text(field: string): string {
    const length = this.length(field);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  /**
   * A text of which few differ, as an asset or a symbol: the same one each time. Where millions of events
   * are held, each with its own, they are what the garbage collector copies.
   */
  name(field: string): string {
    const length = this.length(field);
    const start = this.#at;
    this.#at += length;
    const bytes = this.#bytes;
    if (length > NAME_BYTES_MAX) return bytes.toString('utf8', start, this.#at);
    let place = length;
    for (let index = start; index < this.#at; index += 1) place = (Math.imul(place, 31) + (bytes[index] ?? 0)) | 0;
    place = (place ^ (place >>> 8)) & (NAMES - 1);
    const known = names[place] ?? '';
    if (known.length === length && this.#reads(known, start)) return known;
    const name = bytes.toString('utf8', start, this.#at);
    // ASCII has a character for each byte, and is what can be compared with bytes.
    if (name.length === length) names[place] = name;
    return name;
  }

  #reads(name: string, start: number): boolean {
    for (let index = 0; index < name.length; index += 1) {
      if (name.charCodeAt(index) !== this.#bytes[start + index]) return false;
    }
    return true;
  }

  amount(field: string): bigint {
    let length = this.length(field);
    if (length === 0) this.refuse(field, 'a decimal of no bytes');
    const bytes = this.#bytes;
    let start = this.#at;
    this.#at += length;
    const filler = (bytes[start] ?? 0) < 0x80 ? 0 : 0xff;
    if (length > AMOUNT_BYTES_MAX) {
      while (length > AMOUNT_BYTES_MAX && bytes[start] === filler) {
        start += 1;
        length -= 1;
      }
      const signKept = (bytes[start] ?? 0) >= 0x80 === (filler === 0xff);
      if (length > AMOUNT_BYTES_MAX || !signKept) malformed(field, 'a decimal of at most 38 digits');
    }
    signedWords[0] = filler === 0 ? 0n : -1n;
    if (length <= 8) {
      for (let index = 0; index < length; index += 1) wordBytes[length - 1 - index] = bytes[start + index] ?? 0;
      return signedWords[0];
    }
    signedWords[1] = signedWords[0];
    for (let index = 0; index < length; index += 1) wordBytes[length - 1 - index] = bytes[start + index] ?? 0;
    const value = (signedWords[1] << 64n) | (words[0] ?? 0n);
    if (length === AMOUNT_BYTES_MAX && !isAmount(value)) {
      malformed(field, 'a decimal of at most 38 digits');
    }
    return value;
  }

  /** The index of a union's branch or an enum's symbol, below `count`. */
  index(field: string, count: number): number {
    const value = this.#number(field);
    if (!(value >= 0 && value < count)) this.refuse(field, `no branch or symbol has index ${value}`);
    return value;
  }

  /**
   * Items of an array, block by block. An item takes at least `itemBytesMin` bytes, so a count that
   * the rest of the value cannot hold is refused before a single item is read.
   */
  array<T>(field: string, itemBytesMin: number, readItem: (reader: ByteReader) => T): readonly T[] {
    const items: T[] = [];
    for (let count = this.#number(field); count !== 0; count = this.#number(field)) {
      if (count < 0) {
        count = -count;
        this.skipLong(field); // bytes of the block: only those who skip it need them
      }
      if (!(count * itemBytesMin <= this.#bytes.length - this.#at)) {
        this.refuse(field, `${count} items are declared and cannot follow`);
      }
      for (let left = count; left > 0; left -= 1) items.push(readItem(this));
    }
    return items;
  }

  /** How many bytes were read. */
  get at(): number {
    return this.#at;
  }

  skip(field: string, byteCount: number): void {
    if (byteCount > this.#bytes.length - this.#at) this.#truncated(field);
    this.#at += byteCount;
  }

  /** A text or an amount, unread. */
  skipBytes(field: string): void {
    const length = this.length(field);
    this.#at += length;
  }

  /** A whole number of any width, unread. */
  skipLong(field: string): void {
    for (let count = 1; ; count += 1) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) this.#truncated(field);
      else if (byte < 0x80) return;
      if (count === LONG_BYTES_MAX) this.refuse(field, 'a whole number of more than 10 bytes');
    }
  }

  /** Bytes after the value are as wrong as missing ones. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) this.refuse('end of the value', `${left} bytes follow`);
  }

  /** The length before a text or bytes: never negative, never more than what follows. */
  length(field: string): number {
    const length = this.#number(field);
    if (!(length >= 0 && length <= this.#bytes.length - this.#at)) {
      this.refuse(field, `${length} bytes are declared, ${this.#bytes.length - this.#at} follow`);
    }
    return length;
  }

  /** A whole number, or NaN for one that a double cannot hold. */
  #number(field: string): number {
    const first = this.#bytes[this.#at++];
    if (first === undefined) return this.#truncated(field);
    if (first < 0x80) return (first >> 1) ^ -(first & 1);
    return this.#longTail(first, field);
  }

  #longTail(first: number, field: string): number {
    const bytes = this.#bytes;
    const sign = first & 1;
    let magnitude = (first & 0x7f) >> 1;
    let scale = 64;
    for (let count = 2; ; count += 1) {
      const byte = bytes[this.#at++];
      if (byte === undefined) return this.#truncated(field);
      magnitude += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      if (count === LONG_BYTES_MAX) this.refuse(field, 'a whole number of more than 10 bytes');
      scale *= 128;
    }
    const value = sign === 0 ? magnitude : -magnitude - 1;
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }

  #truncated(field: string): never {
    return this.refuse(field, 'the value ends here');
  }

  /** @throws {ContractError} UNDECODABLE with the field and the place in the value */
  refuse(field: string, detail: string): never {
    throw new ContractError('UNDECODABLE', { detail, context: { field, at: Math.min(this.#at, this.#bytes.length) } });
  }
}

function malformed(field: string, rule: string): never {
  throw new ContractError('MALFORMED', { context: { field, rule } });
}
