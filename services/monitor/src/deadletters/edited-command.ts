import {
  ContractError,
  commandToJson,
  decodeCommand,
  encodeCommand,
  frame,
  normaliseUuid,
  parseCommandJson,
  parseWriterSchema,
  readFrame,
} from '@tradestream/contracts';
import { HttpProblem } from '@tradestream/runtime';
import { commandKey } from '@tradestream/trading';
import type { WholeDeadLetter } from './dead-letter-store.ts';

/** What a parked record says, as JSON; null for bytes that are no command. */
export function commandOfRecord({ value, schema, commandId }: WholeDeadLetter): Record<string, string> | null {
  const message = decoded(value, schema);
  if (message === null) return null;
  return commandToJson({ ...message, commandId: commandId ?? message.commandId });
}

/**
 * The value that takes a parked record's place: a command of the same key, and with the id that the
 * record's command has. @throws {HttpProblem} MALFORMED_COMMAND with field and rule
 */
export function editedValue(letter: WholeDeadLetter, json: unknown, schemaId: number): Buffer {
  const parsed = parseCommandJson(json);
  if (!parsed.ok) throw malformed(parsed.field, parsed.rule);
  const { command, commandId: given } = parsed;
  const key = commandKey(command);
  if (letter.key === null || letter.key.toString('utf8') !== key) {
    const own = letter.key === null ? 'none, and no command has none' : letter.key.toString('utf8');
    throw malformed('command', `a command of the record's key, which is ${own}; this one's is ${key}`);
  }
  const { commandId } = letter;
  if (commandId !== null && given !== null && given !== commandId)
    throw malformed('commandId', `${commandId}, as it was`);
  // Where the header speaks of another id, the field was null and the id comes from elsewhere: it stays so.
  const header = letter.ceIdBase64;
  const headerId = header === null ? null : normaliseUuid(Buffer.from(header, 'base64').toString('utf8'));
  const kept = commandId !== null && headerId !== null && headerId !== commandId ? null : commandId;
  return frame(schemaId, encodeCommand({ commandId: kept ?? given, command }));
}

function decoded(value: Buffer | null, schema: string | null) {
  if (value === null || schema === null) return null;
  try {
    return decodeCommand(readFrame(value).payload, parseWriterSchema(schema));
  } catch (error) {
    if (error instanceof ContractError) return null;
    throw error;
  }
}

function malformed(field: string, rule: string): HttpProblem {
  return new HttpProblem({
    status: 400,
    code: 'MALFORMED_COMMAND',
    title: `${field}: ${rule}`,
    extra: { field, rule },
  });
}
