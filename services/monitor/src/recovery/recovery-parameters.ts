import { normaliseUuid } from '@tradestream/contracts';
import type { DryRunOrigin, Wanted } from '@tradestream/recovery';
import { refused, timeOf } from '../http/parameters.ts';

/** What jobs of these kinds are told. */
export type ReplayParameters = { readonly wanted: Wanted };
export type DryRunParameters = { readonly origin: DryRunOrigin };
export type ForgetParameters = { readonly before: string } | { readonly commandIds: readonly string[] };

export const ORIGIN_FIELDS = ['fromOffset', 'fromTime', 'fromCommandId', 'fromBatch', 'partitions'] as const;
const PARTITIONS_MAX = 10_000;
const COMMANDS_MAX = 1_000;

/** Where to begin, as it was asked for: exactly one origin. A batch is one for dry runs only. */
export function originOf(given: Readonly<Record<string, unknown>>, isDry: boolean): DryRunOrigin {
  const { fromOffset, fromTime, fromCommandId, fromBatch } = given;
  const named = [fromOffset, fromTime, fromCommandId, fromBatch].filter((each) => each !== undefined);
  if (named.length !== 1)
    throw refused('fromOffset', `exactly one of fromOffset, fromTime, fromCommandId${isDry ? ', fromBatch' : ''}`);
  const partitions = partitionsOf(given['partitions']);
  if (fromBatch !== undefined) {
    if (!isDry) throw refused('fromBatch', 'for dry runs only: the log knows offsets and times');
    if (partitions !== null) throw refused('partitions', 'not with fromBatch: a batch is of all of them');
    return { batch: wholeNumber('fromBatch', fromBatch) };
  }
  if (fromOffset !== undefined)
    return { origin: { kind: 'offset', offset: wholeNumber('fromOffset', fromOffset) }, partitions };
  if (fromTime !== undefined) return { origin: { kind: 'time', timeMs: timeOf('fromTime', fromTime) }, partitions };
  const commandId = typeof fromCommandId === 'string' ? normaliseUuid(fromCommandId) : null;
  if (commandId === null) throw refused('fromCommandId', 'a command id is a UUID');
  return { origin: { kind: 'command', commandId }, partitions };
}

/** What is to be forgotten, as it was asked for: commands from before a time, or those of these ids. */
export function forgottenOf(given: Readonly<Record<string, unknown>>): ForgetParameters {
  const { before, commandIds } = given;
  if ((before === undefined) === (commandIds === undefined))
    throw refused('before', 'exactly one of before, commandIds');
  if (before !== undefined) return { before: new Date(timeOf('before', before)).toISOString() };
  const ids = Array.isArray(commandIds)
    ? commandIds.map((each) => (typeof each === 'string' ? normaliseUuid(each) : null))
    : [];
  const known = ids.filter((id) => id !== null);
  if (known.length === 0 || known.length < ids.length || known.length > COMMANDS_MAX)
    throw refused('commandIds', `a list of 1 to ${COMMANDS_MAX} command ids, which are UUIDs`);
  return { commandIds: known };
}

function partitionsOf(given: unknown): readonly number[] | null {
  if (given === undefined) return null;
  if (!Array.isArray(given) || given.length === 0 || given.length > PARTITIONS_MAX)
    throw refused('partitions', 'a list of partitions');
  return given.map((each) => wholeNumber('partitions', each));
}

function wholeNumber(field: string, given: unknown): number {
  if (typeof given !== 'number' || !Number.isSafeInteger(given) || given < 0)
    throw refused(field, 'whole numbers of 0 or more');
  return given;
}
