import type { HttpProblem } from '@tradestream/runtime';
import { badRequest, tooLarge } from '../http/problems.ts';
import { type CommandItem, commandItem, malformed } from './command-item.ts';
import { findRepeatedFields } from './repeated-fields.ts';

export const LIMITS = {
  /** Bytes of one command's JSON. */
  commandBytesMax: 64 * 1024,
  /** Bytes of an array. */
  batchBytesMax: 1024 * 1024,
  /** Commands of an array. */
  batchCountMax: 5_000,
} as const;

export type CommandText = { readonly isBatch: boolean; readonly items: readonly CommandItem[] };

/**
 * A request's body as commands: one object, or an array of objects.
 * @throws {HttpProblem} 400 for a body that is neither, 413 for one beyond the limits
 */
export function readCommandText(text: string): CommandText {
  const value = parseJson(text);
  if (Array.isArray(value)) {
    if (value.length > LIMITS.batchCountMax)
      throw tooLarge('BATCH_TOO_LARGE', `at most ${LIMITS.batchCountMax} commands to an array`);
    if (!value.every(isObject)) throw noCommands();
    const repeated = findRepeatedFields(text);
    return { isBatch: true, items: value.map((each, index) => commandItem(each, index, repeated.get(index))) };
  }
  if (!isObject(value)) throw noCommands();
  if (Buffer.byteLength(text) > LIMITS.commandBytesMax) {
    throw tooLarge('COMMAND_TOO_LARGE', `at most ${LIMITS.commandBytesMax} bytes to a command`);
  }
  return { isBatch: false, items: [commandItem(value, 0, findRepeatedFields(text).get(0))] };
}

/** One line of a stream; never throws, so that a bad line hides no good one. */
export function readCommandLine(text: string, index: number): CommandItem {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed(index, 'line', 'JSON');
  }
  if (!isObject(value)) return malformed(index, 'line', 'a JSON object');
  return commandItem(value, index, findRepeatedFields(text).get(0));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('MALFORMED_COMMAND', 'body', 'JSON');
  }
}

function noCommands(): HttpProblem {
  return badRequest('MALFORMED_COMMAND', 'body', 'an object or an array of objects');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
