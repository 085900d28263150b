import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { readCommandBody, writeCommandBody } from './command-body.ts';
import type { CommandMessage } from './command-message.ts';
import { commandReading, type WriterSchema } from './writer-schema.ts';

const writer = new ByteWriter();

/**
 * The Avro bytes of a command, without the wire format's frame.
 * @throws {ContractError} MALFORMED for an amount or a time that the schema cannot carry
 */
export function encodeCommand(message: CommandMessage): Buffer {
  writer.clear();
  if (message.commandId === null) {
    writer.byte(0);
  } else {
    writer.byte(2);
    writer.text(message.commandId);
  }
  writeCommandBody(writer, message.command);
  return writer.take();
}

/**
 * A command from Avro bytes written with our schema, or with `writerSchema`. Well typed only: the
 * rules for its values are checked by `checkCommand`. Takes time and memory in proportion to the
 * bytes, whatever they declare.
 * @throws {ContractError} UNDECODABLE with the field and the place; MALFORMED with the field, for an
 * amount or a number too wide for its type; WRITER_SCHEMA_UNREADABLE when that schema is not ours
 */
export function decodeCommand(payload: Buffer, writerSchema?: WriterSchema): CommandMessage {
  const readForeign = writerSchema === undefined ? null : commandReading(writerSchema);
  if (readForeign !== null) return readForeign(payload);
  const reader = new ByteReader(payload);
  const commandId = reader.index('commandId', 2) === 0 ? null : reader.text('commandId');
  const command = readCommandBody(reader);
  reader.end();
  return { commandId, command };
}
