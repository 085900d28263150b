import { createHash } from 'node:crypto';
import {
  ContractError,
  decodeCommand,
  FRAME_BYTES,
  headerText,
  payloadDigest,
  readFrame,
  resolveCommandId,
} from '@tradestream/contracts';
import type { LogRecord } from '@tradestream/messaging';
import { checkCommand, commandKey, type TradeCommand } from '@tradestream/trading';
import type { SchemaBook } from './schema-book.ts';

export type DecodedCommand = {
  readonly kind: 'command';
  readonly record: LogRecord;
  readonly commandId: string;
  readonly command: TradeCommand;
  readonly key: string;
  /** SHA-256 of the payload, as Latin-1 text. */
  readonly hash: string;
};

/** A record that is set aside whole; bytes that are no command block no key. */
export type PoisonRecord = {
  readonly kind: 'poison';
  readonly record: LogRecord;
  readonly reason: string;
  readonly message: string;
  /** Set for what may well be a command: later ones of its key must not overtake it. */
  readonly blocksKey?: boolean;
};

export type DecodedRecord = DecodedCommand | PoisonRecord;

export type DecodeOptions = {
  readonly schemas: SchemaBook;
  readonly clusterId: string;
  readonly recordBytesMax: number;
};

/**
 * A record of the log as a command, or as poison with the reason. Every schema id must have been
 * learned before: what is unknown then is known to nobody. Never throws for what a record holds.
 */
export function decodeRecord(record: LogRecord, options: DecodeOptions): DecodedRecord {
  const { value, timestampMs } = record;
  if (timestampMs < TIMESTAMP_MS.min || timestampMs > TIMESTAMP_MS.max) {
    return poison(record, 'MALFORMED', `timestamp: ${timestampMs} ms is outside the years 1 to 9999`);
  }
  if (value === null) return poison(record, 'NULL_VALUE', 'the record has no value');
  if (value.length > options.recordBytesMax) {
    return poison(
      record,
      'TOO_LARGE',
      `the value has ${value.length} bytes, at most ${options.recordBytesMax} are taken`,
    );
  }
  try {
    const { schemaId, payload } = readFrame(value);
    const writer = options.schemas.get(schemaId);
    if (writer === undefined)
      return poison(record, 'SCHEMA_UNKNOWN', `no registry or ledger knows schema id ${schemaId}`);
    const { commandId, command } = decodeCommand(payload, writer);
    const malformed = checkCommand(command);
    if (malformed !== null) return poison(record, 'MALFORMED', `${malformed.field}: ${malformed.rule}`);
    const key = commandKey(command);
    const given = record.key;
    if (given === null || !isText(given, key)) {
      return poison(record, 'KEY_MISMATCH', `the key of this command is ${key}`);
    }
    const id = resolveCommandId({
      commandId,
      ceId: headerOf(record, 'ce_id'),
      command,
      record: {
        clusterId: options.clusterId,
        topic: record.topic,
        partition: record.partition,
        offset: record.offset,
        timestampMs: record.timestampMs,
      },
    });
    if (!id.ok) return poison(record, 'MALFORMED', `${id.field}: ${id.rule}`);
    return { kind: 'command', record, commandId: id.commandId, command, key, hash: payloadDigest(command) };
  } catch (error) {
    if (error instanceof ContractError && error.retry === 'never') return poison(record, error.code, error.message);
    throw error;
  }
}

function poison(record: LogRecord, reason: string, message: string): PoisonRecord {
  return { kind: 'poison', record, reason, message };
}

/** What a record's timestamp, which its producer may choose, can be as the time of an event. */
export const TIMESTAMP_MS = { min: -62_135_596_800_000, max: 253_402_300_799_999 } as const;

/** The text of a record's header; null when it has none of that name. */
export function headerOf(record: LogRecord, name: string): string | null {
  return record.headerText === undefined ? headerText(record.headers, name) : record.headerText(name);
}

/** Whether bytes are the UTF-8 of a text; keys are short and ASCII, and then no text is made of them. */
function isText(bytes: Buffer, text: string): boolean {
  if (bytes.length !== text.length) return bytes.toString('utf8') === text;
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] !== text.charCodeAt(index)) return bytes.toString('utf8') === text;
  }
  return true;
}

/** The schema id that a record names, if its value is framed: a zero byte, the id as 32 bits, and a payload. */
export function schemaIdOf(record: LogRecord): number | null {
  const last = byteAt(record, FRAME_BYTES - 1);
  if (last < 0 || byteAt(record, 0) !== 0) return null;
  return byteAt(record, 1) * 2 ** 24 + byteAt(record, 2) * 2 ** 16 + byteAt(record, 3) * 2 ** 8 + last;
}

function byteAt(record: LogRecord, at: number): number {
  return record.valueByteAt === undefined ? (record.value?.[at] ?? -1) : record.valueByteAt(at);
}

/** What tells one record of the log from another at the same place: its bytes and its time. */
export function recordHash(record: LogRecord): Buffer {
  const hash = createHash('sha256').update(String(record.timestampMs)).update('\u0000');
  if (record.key !== null) hash.update(record.key);
  hash.update('\u0000');
  if (record.value !== null) hash.update(record.value);
  return hash.digest();
}
