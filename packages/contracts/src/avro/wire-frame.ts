import { ContractError } from '../errors.ts';
import type { ByteWriter } from './byte-writer.ts';

/** What a frame adds to its payload. */
export const FRAME_BYTES = 5;

/** The payload behind the zero byte and the schema id, as Kafka carries it. */
export function frame(schemaId: number, payload: Buffer): Buffer {
  const value = Buffer.allocUnsafe(FRAME_BYTES + payload.length);
  value[0] = 0;
  value.writeUInt32BE(schemaId, 1);
  payload.copy(value, FRAME_BYTES);
  return value;
}

/** Writes what stands before the payload. */
export function writeFrameHead(target: ByteWriter, schemaId: number): void {
  target.byte(0);
  target.uint32(schemaId);
}

/**
 * The schema id and the payload of a value; the payload shares the value's memory.
 * @throws {ContractError} TOO_SHORT, BAD_MAGIC
 */
export function readFrame(value: Buffer): { readonly schemaId: number; readonly payload: Buffer } {
  if (value.length < FRAME_BYTES) throw new ContractError('TOO_SHORT', { context: { bytes: value.length } });
  if (value[0] !== 0) throw new ContractError('BAD_MAGIC', { context: { firstByte: value[0] } });
  return { schemaId: value.readUInt32BE(1), payload: value.subarray(FRAME_BYTES) };
}
