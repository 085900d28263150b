import { crc32c as crc32cOf } from '@node-rs/crc32';

/**
 * CRC-32C (Castagnoli) of a stretch of bytes. Node's zlib has only the other polynomial, and in
 * JavaScript it takes ten times as long: a microsecond for each command that a worker applies.
 */
export function crc32c(bytes: Buffer, start: number, end: number): number {
  return crc32cOf(bytes.subarray(start, end));
}
