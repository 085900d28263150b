import { isAmount } from '@tradestream/trading';
import { ContractError } from '../errors.ts';

const ASCII_MAX = 64;
/** Packs of events are megabytes that are used again: what they have too much stays. */
const GROWTH = 1.25;

/** The two halves of an amount, and the same memory as bytes, least significant first. */
const halves = new BigInt64Array(2);
const halfBytes = new Uint8Array(halves.buffer);
const HALF_MAX = 2n ** 63n - 1n;
const HALF_MIN = -(2n ** 63n);

/**
 * Appends Avro primitives to memory that is used again for the next value; `take` copies out.
 * One instance serves one value at a time.
 */
export class ByteWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(bytesExpected = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(bytesExpected);
  }

  /** How many bytes were written since the last `take`. */
  get length(): number {
    return this.#at;
  }

  /** The bytes written since the last `take`. */
  take(): Buffer {
    const copy = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(copy, 0, 0, this.#at);
    this.#at = 0;
    return copy;
  }

  /** Drops what was written: a value that failed half way must not lead the next one. */
  clear(): void {
    this.#at = 0;
  }

  /** What was written, without a copy: for a writer of one use. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Copies what was written to a place that has room for it; answers how many bytes. */
  copyTo(target: Buffer, at: number): number {
    return this.#bytes.copy(target, at, 0, this.#at);
  }

  /** Memory that it holds, written or not. */
  get capacity(): number {
    return this.#bytes.length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  /** 32 bits, big endian: no Avro, but what its frame begins with. */
  uint32(value: number): void {
    this.#reserve(4);
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  int(value: number): void {
    if (value !== (value | 0)) refuse('a 32-bit whole number', value);
    this.long(value);
  }

  /** Zigzag and base 128 in exact double arithmetic: shifts would cut at 32 bits. */
  long(value: number): void {
    if (!Number.isSafeInteger(value)) refuse('a whole number that a double holds exactly', value);
    this.#reserve(10);
    const bytes = this.#bytes;
    const sign = value < 0 ? 1 : 0;
    const magnitude = value < 0 ? -value - 1 : value;
    let rest = magnitude;
    let low = 0;
    if (magnitude < 0x4000_0000) {
      low = ((magnitude & 63) << 1) | sign;
      rest = magnitude >> 6;
    } else {
      low = (magnitude % 64) * 2 + sign;
      rest = Math.floor(magnitude / 64);
    }
    while (rest > 0) {
      bytes[this.#at++] = low | 0x80;
      low = rest % 128;
      rest = rest < 0x4000_0000 ? rest >> 7 : Math.floor(rest / 128);
    }
    bytes[this.#at++] = low;
  }

  text(value: string): void {
    const length = value.length;
    if (length > ASCII_MAX) return this.#utf8(value);
    const start = this.#at;
    this.long(length);
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < length; index += 1) {
      const unit = value.charCodeAt(index);
      if (unit > 127) {
        this.#at = start;
        return this.#utf8(value);
      }
      bytes[at++] = unit;
    }
    this.#at = at;
  }

  /** The fewest big-endian two's complement bytes, as java.math.BigInteger writes them. */
  amount(value: bigint): void {
    if (!isAmount(value)) refuse('a decimal of at most 38 digits', value);
    halves[0] = value;
    let last = 7;
    if (value > HALF_MAX || value < HALF_MIN) {
      halves[1] = value >> 64n;
      last = 15;
    }
    const sign = (halfBytes[last] ?? 0) & 0x80;
    const filler = sign === 0 ? 0 : 0xff;
    while (last > 0 && halfBytes[last] === filler && ((halfBytes[last - 1] ?? 0) & 0x80) === sign) last -= 1;
    this.#reserve(last + 2);
    const bytes = this.#bytes;
    bytes[this.#at++] = (last + 1) * 2;
    for (; last >= 0; last -= 1) bytes[this.#at++] = halfBytes[last] ?? 0;
  }

  #utf8(value: string): void {
    const byteCount = Buffer.byteLength(value);
    this.long(byteCount);
    this.#reserve(byteCount);
    this.#at += this.#bytes.write(value, this.#at, byteCount, 'utf8');
  }

  #reserve(byteCount: number): void {
    if (this.#at + byteCount <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(Math.ceil(this.#bytes.length * GROWTH), this.#at + byteCount));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** How many bytes `long` and `int` write. */
export function longBytes(value: number): number {
  let count = 1;
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64);
  for (; rest > 0; rest = Math.floor(rest / 128)) count += 1;
  return count;
}

function refuse(rule: string, value: unknown): never {
  throw new ContractError('MALFORMED', { context: { rule, value: String(value).slice(0, 60) } });
}
