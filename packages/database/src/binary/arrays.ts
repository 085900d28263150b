import type { ColumnMemory } from './binary-writer.ts';
import { fields, writer } from './fields.ts';

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

/**
 * Columns as arrays in PostgreSQL's binary form, for `unnest($1::type[])`: one parameter a column,
 * whatever the number of rows. A null stays null.
 */
export const arrays = {
  text: (values: readonly (string | null)[]): Buffer => build(OID.text, values, fields.text),
  bytea: (values: readonly (Uint8Array | null)[]): Buffer => build(OID.bytea, values, fields.bytea),
  /** Bytes in the form of Latin-1 text: short ones cost a fraction of a buffer each. */
  byteaLatin1: (values: readonly (string | null)[]): Buffer => build(OID.bytea, values, fields.byteaLatin1),
  int4: (values: readonly (number | null)[]): Buffer => build(OID.int4, values, fields.int4),
  int8: (values: readonly (number | bigint | null)[]): Buffer => build(OID.int8, values, fields.int8),
  bool: (values: readonly (boolean | null)[]): Buffer => build(OID.bool, values, fields.bool),
  /** UUIDs in their usual text form. */
  uuid: (values: readonly (string | null)[]): Buffer => build(OID.uuid, values, fields.uuid),
  /** Counts of 10^-18. */
  numeric18: (values: readonly (bigint | null)[]): Buffer => build(OID.numeric, values, fields.numeric18),
  /** Microseconds since 1970. */
  timestamptzMicros: (values: readonly (number | null)[]): Buffer =>
    build(OID.timestamptz, values, fields.timestamptzMicros),
} as const;

/** Columns that `work` makes live in `memory` until it is used again; `work` is done when it returns. */
export function withColumnMemory<T>(memory: ColumnMemory, work: () => T): T {
  return writer.within(memory, work);
}

function build<T>(oid: number, values: readonly (T | null)[], write: (value: T | null) => void): Buffer {
  writer.beginArray(oid, values.length);
  // By index: an iterator makes an object for each element until the loop is optimized, and this one seldom is.
  for (let index = 0; index < values.length; index += 1) {
    write(values[index] ?? null);
  }
  return writer.takeArray();
}
