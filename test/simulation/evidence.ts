import { decodeCommand, payloadDigest, readFrame } from '@tradestream/contracts';
import { checkCommand, commandKey, type TradeCommand } from '@tradestream/trading';
import type { LedgerTables, ReceiptRow } from './database/ledger-tables.ts';
import type { Profile } from './profile.ts';
import type { AppendedRecord } from './simulated-log.ts';
import type { Wiring } from './wiring.ts';

/** A record of the commands topic, read by nothing of the worker. */
export type SentCommand = {
  readonly record: AppendedRecord;
  readonly place: string;
  /** Null where the record has none and its place gives it. */
  readonly commandId: string | null;
  readonly command: TradeCommand;
  readonly hash: string;
};

/** What a world has come to, put in order for those who judge it. */
export type Evidence = {
  readonly ledger: LedgerTables;
  readonly profile: Profile;
  readonly commands: readonly SentCommand[];
  /** Records that are no command. */
  readonly poison: readonly AppendedRecord[];
  /** All, wherever they are kept. */
  readonly receipts: readonly ReceiptRow[];
  readonly byId: ReadonlyMap<string, ReceiptRow>;
  readonly byPlace: ReadonlyMap<string, ReceiptRow>;
  /** What was decided under a receipt: what was sent, or what an operator put in its place. */
  readonly commandOf: (receipt: ReceiptRow) => TradeCommand | null;
};

export function gatherEvidence({ ledger, profile, log, topics }: Wiring): Evidence {
  const commands: SentCommand[] = [];
  const poison: AppendedRecord[] = [];
  for (const record of log.appended.get(topics.commands) ?? []) {
    const command = readCommand(record);
    if (command === null) poison.push(record);
    else commands.push(command);
  }
  const receipts = [...ledger.receipts.rows.values(), ...ledger.archive.rows.values()];
  const sent = new Map(commands.map((command) => [command.place, command.command]));
  return {
    ledger,
    profile,
    commands,
    poison,
    receipts,
    byId: new Map(receipts.map((receipt) => [receipt.commandId, receipt])),
    byPlace: new Map(receipts.map((receipt) => [placeOf(receipt), receipt])),
    commandOf: (receipt) => editedCommand(ledger, receipt.commandId) ?? sent.get(placeOf(receipt)) ?? null,
  };
}

export function placeOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}|${offset}`;
}

/** Whether a command has had its effect, or none for good. */
export function isDecided({ outcome }: ReceiptRow): boolean {
  return outcome === 'applied' || outcome === 'rejected';
}

/** A command that an operator sent in place of another's, as far as one was executed. */
function editedCommand(ledger: LedgerTables, commandId: string): TradeCommand | null {
  const edit = ledger.edits.rows.get(commandId);
  const value = ledger.intents.rows.get(String(edit?.intentId))?.editedValue;
  return value === null || value === undefined ? null : decodeCommand(readFrame(value).payload).command;
}

function readCommand(record: AppendedRecord): SentCommand | null {
  if (record.value === null) return null;
  try {
    const { commandId, command } = decodeCommand(readFrame(record.value).payload);
    if (checkCommand(command) !== null || commandKey(command) !== record.key) return null;
    return { record, place: placeOf(record), commandId, command, hash: payloadDigest(command) };
  } catch {
    return null;
  }
}
