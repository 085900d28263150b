import type { TradeCommand } from '@tradestream/trading';
import { v5, v7 } from 'uuid';

/** Namespace of every id that is made from names: UUIDv5 of `tradestream` in the DNS namespace. */
export const NAMESPACE = '49e75fef-5dfc-5e81-864a-4a8d193687ca';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Where a record stands on a log; the timestamp tells a topic made anew from the one before. */
export type RecordOrigin = {
  readonly clusterId: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's timestamp on the log, milliseconds. */
  readonly timestampMs: number;
};

/** The id of an ExecuteTrade that carries none, whatever way it came. */
export function tradeCommandId(symbol: string, tradeId: string): string {
  return v5(`${symbol}/${tradeId}`, NAMESPACE);
}

/**
 * The id of a command from a line of a file, the same in each run over the same bytes.
 * `line` counts from 1; `nth` tells the commands of one line apart.
 */
export function fileCommandId(sha256Hex: string, line: number, nth?: number): string {
  return v5(nth === undefined ? `${sha256Hex}/${line}` : `${sha256Hex}/${line}/${nth}`, NAMESPACE);
}

/** The id of a command whose producer gave none: the same whenever the record is read again. */
export function recordCommandId(origin: RecordOrigin): string {
  const { clusterId, topic, partition, offset, timestampMs } = origin;
  return v5(`${clusterId}/${topic}/${partition}/${offset}/${timestampMs}`, NAMESPACE);
}

/** A new id, ordered by time (UUIDv7), to be made before the command is produced. */
export function newCommandId(): string {
  return v7();
}

/** The id in lower case, or null for a text that is no UUID. */
export function normaliseUuid(text: string): string | null {
  return UUID.test(text) ? text.toLowerCase() : null;
}

/** An id, or what is wrong with it as with any other field of a command. */
export type ResolvedId =
  | { readonly ok: true; readonly commandId: string }
  | { readonly ok: false; readonly field: 'commandId'; readonly rule: string };

/**
 * The id that a command from the log stands under: that of its field, with which a `ce_id` header
 * must agree; else that of the trade; else that of the record's place. With a null field the header
 * is not read: an intermediary's event id would make duplicates of one record into two commands.
 */
export function resolveCommandId(options: {
  readonly commandId: string | null;
  readonly ceId: string | null;
  readonly command: TradeCommand;
  readonly record: RecordOrigin;
}): ResolvedId {
  const { commandId, ceId, command, record } = options;
  if (commandId !== null) {
    const id = normaliseUuid(commandId);
    if (id === null) return { ok: false, field: 'commandId', rule: 'a UUID' };
    if (ceId !== null && ceId.toLowerCase() !== id) {
      return { ok: false, field: 'commandId', rule: 'equal to the header ce_id' };
    }
    return { ok: true, commandId: id };
  }
  const made =
    command.type === 'ExecuteTrade' ? tradeCommandId(command.symbol, command.tradeId) : recordCommandId(record);
  return { ok: true, commandId: made };
}
