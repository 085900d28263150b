import { ArrayWriter, type ColumnMemory } from './array-writer.ts';
import { writeNumeric18 } from './numeric.ts';

/** Object ids of the element types; fixed in every server. */
const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
} as const;

/** Microseconds between 1970, where JavaScript counts from, and 2000, where the server does. */
const EPOCH_2000_MICROS = 946_684_800_000_000;

const UUID_CHARACTERS = 36;

const writer = new ArrayWriter();

/**
 * Columns as arrays in PostgreSQL's binary form, for `unnest($1::type[])`: one parameter a column,
 * whatever the number of rows. A null stays null.
 */
export const arrays = {
  text: (values: readonly (string | null)[]): Buffer => build(OID.text, values, (value) => writer.text(value)),
  bytea: (values: readonly (Uint8Array | null)[]): Buffer => build(OID.bytea, values, (value) => writer.raw(value)),
  /** Bytes in the form of Latin-1 text: short ones cost a fraction of a buffer each. */
  byteaLatin1: (values: readonly (string | null)[]): Buffer =>
    build(OID.bytea, values, (value) => writer.latin1(value)),
  /** Elements that stand one behind the other, each with its length (32 bits, big endian) before it. */
  byteaPacked: (count: number, packed: Uint8Array): Buffer => {
    writer.begin(OID.bytea, count);
    writer.append(packed);
    return writer.take();
  },
  int4: (values: readonly (number | null)[]): Buffer =>
    build(OID.int4, values, (value) => {
      writer.int32(4);
      writer.int32(value);
    }),
  int8: (values: readonly (number | bigint | null)[]): Buffer =>
    build(OID.int8, values, (value) => {
      writer.int32(8);
      writer.int64(value);
    }),
  bool: (values: readonly (boolean | null)[]): Buffer =>
    build(OID.bool, values, (value) => {
      writer.int32(1);
      writer.byte(value ? 1 : 0);
    }),
  /** UUIDs in their usual text form. */
  uuid: (values: readonly (string | null)[]): Buffer => build(OID.uuid, values, writeUuid),
  /** Counts of 10^-18. */
  numeric18: (values: readonly (bigint | null)[]): Buffer =>
    build(OID.numeric, values, (value) => writeNumeric18(writer, value)),
  /** Microseconds since 1970. */
  timestamptzMicros: (values: readonly (number | null)[]): Buffer =>
    build(OID.timestamptz, values, (value) => {
      writer.int32(8);
      writer.int64(value - EPOCH_2000_MICROS);
    }),
} as const;

/** Columns that `work` makes live in `memory` until it is used again; `work` is done when it returns. */
export function withColumnMemory<T>(memory: ColumnMemory, work: () => T): T {
  return writer.within(memory, work);
}

function build<T>(oid: number, values: readonly (T | null)[], write: (value: T) => void): Buffer {
  writer.begin(oid, values.length);
  // By index: an iterator makes an object for each element until the loop is optimized, and this one seldom is.
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value === null || value === undefined) writer.null();
    else write(value);
  }
  return writer.take();
}

function writeUuid(value: string): void {
  if (value.length !== UUID_CHARACTERS) throw noUuid();
  writer.int32(16);
  for (let index = 0; index < UUID_CHARACTERS; index += 2) {
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (value[index] !== '-') throw noUuid();
      index += 1;
    }
    writer.byte((hexDigit(value, index) << 4) | hexDigit(value, index + 1));
  }
}

function hexDigit(value: string, index: number): number {
  const code = value.charCodeAt(index);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x57;
  throw noUuid();
}

function noUuid(): TypeError {
  return new TypeError('a UUID has 32 hexadecimal digits in five groups');
}
