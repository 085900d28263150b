import { BinaryWriter } from './binary-writer.ts';
import { writeNumeric18 } from './numeric.ts';

/** Microseconds between 1970, where JavaScript counts from, and 2000, where the server does. */
const EPOCH_2000_MICROS = 946_684_800_000_000;

const UUID_CHARACTERS = 36;

/** The one writer of all arrays and rows: each is done before the next begins. */
export const writer = new BinaryWriter();

/** Writes a value with its length, an element of an array or a field of a row; a null stays null. */
export const fields = {
  text: (value: string | null): void => (value === null ? writer.null() : writer.text(value)),
  bytea: (value: Uint8Array | null): void => (value === null ? writer.null() : writer.raw(value)),
  /** Bytes in the form of Latin-1 text: short ones cost a fraction of a buffer each. */
  byteaLatin1: (value: string | null): void => (value === null ? writer.null() : writer.latin1(value)),
  int4: (value: number | null): void => {
    if (value === null) return writer.null();
    writer.int32(4);
    writer.int32(value);
  },
  int8: (value: number | bigint | null): void => {
    if (value === null) return writer.null();
    writer.int32(8);
    writer.int64(value);
  },
  bool: (value: boolean | null): void => {
    if (value === null) return writer.null();
    writer.int32(1);
    writer.byte(value ? 1 : 0);
  },
  /** In its usual text form. */
  uuid: (value: string | null): void => (value === null ? writer.null() : writeUuid(value)),
  /** A count of 10^-18. */
  numeric18: (value: bigint | null): void => (value === null ? writer.null() : writeNumeric18(writer, value)),
  /** Microseconds since 1970. */
  timestamptzMicros: (value: number | null): void => {
    if (value === null) return writer.null();
    writer.int32(8);
    writer.int64(value - EPOCH_2000_MICROS);
  },
} as const;

function writeUuid(value: string): void {
  if (value.length !== UUID_CHARACTERS) throw noUuid();
  let at = writer.skipRaw(16);
  const { bytes } = writer;
  for (let index = 0; index < UUID_CHARACTERS; index += 2) {
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (value[index] !== '-') throw noUuid();
      index += 1;
    }
    bytes[at++] = (hexDigit(value, index) << 4) | hexDigit(value, index + 1);
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
