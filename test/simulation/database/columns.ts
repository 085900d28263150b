import { DatabaseError } from '@tradestream/database';

/** Reads PostgreSQL's binary arrays and rows back: what a statement says. */

type Value = string | number | bigint | boolean | Buffer | null;

const EPOCH_2000_MICROS = 946_684_800_000_000;
const PLACES = 18;
const NEGATIVE = 0x4000;

/** The elements of a binary array, whatever their type; times as microseconds since 1970. */
function elements(value: unknown): Value[] {
  if (!Buffer.isBuffer(value)) throw new DatabaseError('22P03');
  if (value.readInt32BE(0) === 0) return [];
  const read = reading(value.readInt32BE(8));
  const count = value.readInt32BE(12);
  const values: Value[] = [];
  let at = 20;
  for (let index = 0; index < count; index += 1) {
    const length = value.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : read(value, at, length));
    at += Math.max(0, length);
  }
  return values;
}

type Reading = (bytes: Buffer, at: number, length: number) => Value;

const READINGS: Readonly<Record<number, Reading>> = {
  16: (bytes, at) => bytes[at] === 1,
  17: (bytes, at, length) => Buffer.from(bytes.subarray(at, at + length)),
  20: (bytes, at) => int64(bytes, at),
  23: (bytes, at) => bytes.readInt32BE(at),
  25: (bytes, at, length) => bytes.toString('utf8', at, at + length),
  1184: (bytes, at) => int64(bytes, at) + EPOCH_2000_MICROS,
  1700: numeric,
  2950: uuid,
};

function reading(oid: number): Reading {
  const read = READINGS[oid];
  // Also what memory holds that was used again too early.
  if (read === undefined) throw new DatabaseError('22P03');
  return read;
}

function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** Groups of four digits as a count of 10^-18. */
function numeric(bytes: Buffer, at: number): bigint {
  const count = bytes.readUInt16BE(at);
  const weight = bytes.readInt16BE(at + 2);
  let digits = 0n;
  for (let index = 0; index < count; index += 1)
    digits = digits * 10_000n + BigInt(bytes.readUInt16BE(at + 8 + index * 2));
  const exponent = 4 * (weight - count + 1) + PLACES;
  const amount = exponent >= 0 ? digits * 10n ** BigInt(exponent) : digits / 10n ** BigInt(-exponent);
  return bytes.readUInt16BE(at + 4) === NEGATIVE ? -amount : amount;
}

function uuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// The statement that a column belongs to says which type it has: a wrong one shows in the first test.
export const columns = {
  text: (value: unknown): string[] => elements(value) as string[],
  textOrNull: (value: unknown): (string | null)[] => elements(value) as (string | null)[],
  number: (value: unknown): number[] => elements(value) as number[],
  numberOrNull: (value: unknown): (number | null)[] => elements(value) as (number | null)[],
  amount: (value: unknown): bigint[] => elements(value) as bigint[],
  bytes: (value: unknown): Buffer[] => elements(value) as Buffer[],
  bytesOrNull: (value: unknown): (Buffer | null)[] => elements(value) as (Buffer | null)[],
  flag: (value: unknown): boolean[] => elements(value) as boolean[],
};

const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const COPY_HEADER_BYTES = 19;

/** One row of a binary COPY; its fields are read in the order of the columns. */
export class CopiedRow {
  readonly #bytes: Buffer;
  #at: number;
  #left: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#left = bytes.readInt16BE(at);
    this.#at = at + 2;
  }

  text(): string {
    return this.textOrNull() ?? '';
  }

  textOrNull(): string | null {
    return this.#field((bytes, at, length) => bytes.toString('utf8', at, at + length));
  }

  uuid(): string {
    return this.#field(uuid) ?? '';
  }

  bytes(): Buffer {
    return this.#field((bytes, at, length) => Buffer.from(bytes.subarray(at, at + length))) ?? Buffer.alloc(0);
  }

  int4(): number {
    return this.#field((bytes, at) => bytes.readInt32BE(at)) ?? -1;
  }

  int8(): number {
    return this.int8OrNull() ?? -1;
  }

  int8OrNull(): number | null {
    return this.#field(int64);
  }

  amount(): bigint {
    return this.#field(numeric) ?? 0n;
  }

  /** Microseconds since 1970. */
  time(): number {
    return this.int8() + EPOCH_2000_MICROS;
  }

  /** Where the next row begins. */
  end(): number {
    if (this.#left !== 0) throw new DatabaseError('22P04');
    return this.#at;
  }

  #field<T>(read: (bytes: Buffer, at: number, length: number) => T): T | null {
    this.#left -= 1;
    if (this.#left < 0) throw new DatabaseError('22P04');
    const length = this.#bytes.readInt32BE(this.#at);
    const at = this.#at + 4;
    this.#at = at + Math.max(0, length);
    return length < 0 ? null : read(this.#bytes, at, length);
  }
}

/** Reads each row of a binary COPY. */
export function eachCopied(copy: unknown, read: (row: CopiedRow) => void): void {
  // Also what memory holds that was used again too early.
  if (!Buffer.isBuffer(copy) || !copy.subarray(0, COPY_SIGNATURE.length).equals(COPY_SIGNATURE)) {
    throw new DatabaseError('22P04');
  }
  for (let at = COPY_HEADER_BYTES; copy.readInt16BE(at) >= 0; ) {
    const row = new CopiedRow(copy, at);
    read(row);
    at = row.end();
  }
}

/** A text array in the form `{a,b}`, as enums travel. */
export function plainArray(value: unknown): string[] {
  const text = String(value).slice(1, -1);
  return text === '' ? [] : text.split(',');
}

/** An amount as the server shows a NUMERIC of 18 places. */
export function numericText(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(PLACES + 1, '0');
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}
