import { hash } from 'node:crypto';
import type { LogRecord } from '@tradestream/messaging';
import { expectHolds } from './contradiction.ts';
import type { Placed } from './placed-rows.ts';
import type { ReadRecord } from './read-command.ts';

export type ReceiptRow = Placed & {
  readonly command_id: string;
  readonly payload_hash: Buffer;
  readonly outcome: string;
  readonly seq: number | null;
  readonly event_command_id: string | null;
  readonly occurred_at: number | null;
  /** The record is no command; what was decided is what an operator made of it. */
  readonly made_by_edit: boolean;
};

export type ConflictRow = Placed & {
  readonly command_id: string;
  readonly payload_hash: Buffer;
  readonly first_hash: Buffer;
};

export type ParkedRow = Placed & {
  readonly command_id: string | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly sha256: Buffer | null;
  readonly reason: string;
  readonly status: string;
  readonly record_time: number;
};

/** The receipt that a command id stands under. */
export type StandingReceipt = Placed & {
  readonly payload_hash: Buffer;
  /** Of what an operator put in its place: a record of either payload repeats the command. */
  readonly edited_hash: Buffer | null;
};

/** What the ledger says of a page of records, by their offsets. */
export type OutcomeRows = {
  readonly receipts: ReadonlyMap<number, readonly ReceiptRow[]>;
  readonly conflicts: ReadonlyMap<number, readonly ConflictRow[]>;
  readonly parked: ReadonlyMap<number, readonly ParkedRow[]>;
  readonly read: ReadonlyMap<number, ReadRecord>;
  /** By command id, for those whose receipt is not at the record's own place. */
  readonly standing: ReadonlyMap<string, StandingReceipt>;
  /** False for a record that the ledger is still to read again. */
  readonly isBelowNext: boolean;
  /** Whether receipts were given up: then a record without an outcome may repeat a command of theirs. */
  readonly someForgotten: boolean;
};

type Found = {
  readonly record: LogRecord;
  readonly read: ReadRecord;
  readonly receipt: ReceiptRow | undefined;
  readonly standing: StandingReceipt | undefined;
};

/** Reasons that speak of the bytes alone; others tell what a record did to its worker, or what nobody knew then. */
const OF_BYTES: ReadonlySet<string> = new Set([
  'NULL_VALUE',
  'TOO_SHORT',
  'BAD_MAGIC',
  'UNDECODABLE',
  'MALFORMED',
  'KEY_MISMATCH',
  'WRITER_SCHEMA_UNREADABLE',
]);

/** Holds one record against its one outcome. @throws {Contradiction} */
export function judgeRecord(record: LogRecord, rows: OutcomeRows): void {
  const { offset } = record;
  const [receipt, other] = rows.receipts.get(offset) ?? [];
  const [conflict] = rows.conflicts.get(offset) ?? [];
  const [parked] = rows.parked.get(offset) ?? [];
  const read = rows.read.get(offset) ?? { commandId: null, why: 'it was not read' };
  const standing = read.commandId === null ? undefined : rows.standing.get(read.commandId);
  const found: Found = { record, read, receipt, standing };
  expectHolds(
    'one outcome',
    other === undefined,
    () => `${nameOf(found)} has two receipts, of ${receipt?.command_id} and ${other?.command_id}`,
  );
  if (conflict !== undefined) {
    // Bytes that could not be read first may turn out to be a conflict when they can.
    const wasAside = parked?.command_id === null && parked.status === 'discarded';
    const only = receipt === undefined && (parked === undefined || wasAside);
    expectHolds('one outcome', only, () => `${nameOf(found)} is in ledger.conflicts and has another outcome too`);
    return judgeConflict(found, conflict, rows.someForgotten);
  }
  if (parked !== undefined) judgeParked(found, parked);
  if (receipt !== undefined) return judgeReceipt(found, receipt, parked);
  if (parked === undefined && rows.isBelowNext) judgeDuplicate(found, rows.someForgotten);
}

function judgeReceipt(found: Found, receipt: ReceiptRow, parked: ParkedRow | undefined): void {
  const { read } = found;
  if (receipt.made_by_edit && parked?.command_id === receipt.command_id) return judgeEvent(found, receipt);
  expectHolds(
    'one outcome',
    read.commandId !== null,
    () =>
      `${nameOf(found)} has the receipt of ${receipt.command_id}, and is no command: ${read.commandId === null ? read.why : ''}`,
  );
  if (read.commandId === null) return;
  expectHolds(
    'receipts',
    read.commandId === receipt.command_id,
    () => `${nameOf(found)}: the receipt at its place is of command ${receipt.command_id}`,
  );
  expectHolds(
    'receipts',
    read.hash.equals(receipt.payload_hash),
    () => `${nameOf(found)}: its receipt has the hash of another payload`,
  );
  const waits = receipt.outcome === 'parked' || receipt.outcome === 'discarded';
  expectHolds(
    'receipts',
    waits === (receipt.seq === null),
    () =>
      `${nameOf(found)}: its receipt is ${receipt.outcome} and names ${receipt.seq === null ? 'no event' : `event seq ${receipt.seq}`}`,
  );
  if (waits) {
    expectHolds(
      'one outcome',
      parked !== undefined,
      () => `${nameOf(found)} is ${receipt.outcome} by its receipt and not in ledger.parked`,
    );
    return;
  }
  judgeEvent(found, receipt);
}

/** The receipt's event is of its command, at the record's time. */
function judgeEvent(found: Found, receipt: ReceiptRow): void {
  const { record } = found;
  expectHolds(
    'receipts',
    receipt.event_command_id === receipt.command_id,
    () =>
      `${nameOf(found)}: its receipt names event ${receipt.partition}/${receipt.seq}, which is of ${receipt.event_command_id ?? 'no'} command`,
  );
  expectHolds(
    'receipts',
    receipt.occurred_at === record.timestampMs * 1_000,
    () => `${nameOf(found)}: its event ${receipt.partition}/${receipt.seq} has another time than the record`,
  );
}

function judgeConflict(found: Found, conflict: ConflictRow, someForgotten: boolean): void {
  const { read, standing } = found;
  const isItself = read.commandId === conflict.command_id && read.hash.equals(conflict.payload_hash);
  expectHolds(
    'one outcome',
    isItself,
    () => `${nameOf(found)}: ledger.conflicts has command ${conflict.command_id} there, or another hash of it`,
  );
  if (standing === undefined && someForgotten) return;
  const isOther =
    standing !== undefined &&
    standing.payload_hash.equals(conflict.first_hash) &&
    !conflict.payload_hash.equals(conflict.first_hash);
  expectHolds('one outcome', isOther, () => {
    const stands = standing === undefined ? 'no receipt' : `its receipt from ${standing.partition}@${standing.offset}`;
    return `${nameOf(found)} is in ledger.conflicts; ${stands} does not stand for another payload of it`;
  });
}

/** The same command, applied where it came first. */
function judgeDuplicate(found: Found, someForgotten: boolean): void {
  const { read, standing } = found;
  expectHolds(
    'one outcome',
    read.commandId !== null,
    () => `${nameOf(found)} is no command (${read.commandId === null ? read.why : ''}) and not in ledger.parked`,
  );
  if (read.commandId === null || (standing === undefined && someForgotten)) return;
  expectHolds(
    'one outcome',
    standing !== undefined,
    () => `${nameOf(found)} has no outcome: no receipt, conflict or parked row`,
  );
  expectHolds(
    'one outcome',
    standing?.payload_hash.equals(read.hash) === true || standing?.edited_hash?.equals(read.hash) === true,
    () =>
      `${nameOf(found)} has another payload than the receipt of its id (from ${standing?.partition}@${standing?.offset}), and is not in ledger.conflicts`,
  );
}

function judgeParked(found: Found, parked: ParkedRow): void {
  const { record, read, receipt } = found;
  const sha256 = record.value === null ? null : hash('sha256', record.value, 'buffer');
  const isItself =
    sameBytes(sha256, parked.sha256) &&
    sameBytes(record.value, parked.value) &&
    sameBytes(record.key, parked.key) &&
    parked.record_time === record.timestampMs * 1_000;
  expectHolds(
    'one outcome',
    isItself,
    () => `${nameOf(found)}: key, value, sha256 or time in ledger.parked are not the record's`,
  );
  if (parked.command_id === null) {
    expectHolds(
      'one outcome',
      receipt === undefined,
      () => `${nameOf(found)} is parked undecoded, and has the receipt of ${receipt?.command_id}`,
    );
    const isCause = read.commandId === null || !OF_BYTES.has(parked.reason);
    expectHolds('one outcome', isCause, () => `${nameOf(found)} is parked as ${parked.reason}, and can be read`);
    return;
  }
  const fits = receipt?.command_id === parked.command_id && receipt.outcome === parked.status;
  expectHolds(
    'one outcome',
    fits,
    () => `${nameOf(found)} is ${parked.status} in ledger.parked, its receipt says ${receipt?.outcome ?? 'nothing'}`,
  );
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function nameOf({ record, read }: Found): string {
  const command = read.commandId === null ? 'undecodable' : `command ${read.commandId}`;
  return `${record.topic}/${record.partition} offset ${record.offset} (${command})`;
}
