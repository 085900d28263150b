import type { ReceiptRow } from './database/ledger-tables.ts';
import { type Evidence, isDecided, placeOf, type SentCommand } from './evidence.ts';

/** Every record has exactly one outcome, every command id exactly one receipt, and no command overtakes one of its key. */
export function outcomeContradictions(evidence: Evidence): readonly string[] {
  return [
    ...receiptContradictions(evidence),
    ...recordContradictions(evidence),
    ...overtakings(evidence),
    ...archiveContradictions(evidence),
  ];
}

function receiptContradictions({ ledger, receipts, byId, byPlace, commands }: Evidence): readonly string[] {
  const failures: string[] = [];
  const places = new Set(commands.map(({ place }) => place));
  if (byId.size < receipts.length) failures.push(`${receipts.length} receipts of ${byId.size} commands`);
  if (byPlace.size < receipts.length) failures.push(`${receipts.length} receipts for ${byPlace.size} records`);
  for (const receipt of receipts) {
    const place = placeOf(receipt);
    const isMade = ledger.edits.rows.has(receipt.commandId) && ledger.parked.rows.has(place);
    if (!places.has(place) && !isMade) failures.push(`a receipt for no command at ${place}`);
  }
  return failures;
}

function recordContradictions(evidence: Evidence): readonly string[] {
  const { ledger, commands, poison, byId, byPlace } = evidence;
  const failures: string[] = [];
  for (const sent of commands) {
    const { place, commandId, command } = sent;
    const receipt = commandId === null ? byPlace.get(place) : byId.get(commandId);
    if (receipt === undefined) failures.push(`no receipt for ${command.type} at ${place}`);
    else if (placeOf(receipt) === place) failures.push(...firstContradictions(evidence, sent, receipt));
    else failures.push(...repeatContradictions(evidence, sent, receipt));
  }
  for (const record of poison) {
    if (!ledger.parked.rows.has(placeOf(record))) failures.push(`poison at ${placeOf(record)} is not parked`);
  }
  return failures;
}

/** The record that its receipt is of. */
function firstContradictions(
  { ledger }: Evidence,
  { place, hash }: SentCommand,
  receipt: ReceiptRow,
): readonly string[] {
  const failures: string[] = [];
  if (receipt.hash.toString('latin1') !== hash) failures.push(`the receipt at ${place} is of another payload`);
  if (ledger.conflicts.rows.has(place)) failures.push(`the record at ${place} has a receipt and a conflict`);
  const status = ledger.parked.rows.get(place)?.status;
  const isRight = status === undefined ? isDecided(receipt) : status === receipt.outcome;
  if (!isRight) failures.push(`the record at ${place} is ${status}, by its receipt ${receipt.outcome}`);
  return failures;
}

/** A record whose command id stands by a receipt from elsewhere: with another payload it is a conflict. */
function repeatContradictions(
  { ledger }: Evidence,
  { place, hash, commandId }: SentCommand,
  receipt: ReceiptRow,
): readonly string[] {
  const failures: string[] = [];
  const edited = ledger.edits.rows.get(commandId ?? '')?.editedHash;
  const isSame = [receipt.hash, edited].some((known) => known?.toString('latin1') === hash);
  const isConflict = ledger.conflicts.rows.has(place);
  if (isConflict === isSame) failures.push(`the record at ${place} is ${isSame ? 'a' : 'no'} conflict`);
  if (ledger.parked.rows.has(place)) failures.push(`the record at ${place} is parked and has a receipt elsewhere`);
  return failures;
}

/** Of each key the commands are decided in the order in which they were sent, and none behind one that is parked. */
function overtakings({ ledger, commands, byPlace }: Evidence): readonly string[] {
  const failures: string[] = [];
  const last = new Map<string, ReceiptRow>();
  const blocked = new Set<string>();
  for (const { place, record } of commands) {
    const key = `${record.partition} ${record.key}`;
    const parked = ledger.parked.rows.get(place);
    const receipt = byPlace.get(place);
    if (parked?.blocksKey === true && parked.status === 'parked') blocked.add(key);
    if (receipt === undefined || !isDecided(receipt)) continue;
    const before = last.get(key);
    const isLater =
      before === undefined ||
      receipt.batch > before.batch ||
      (receipt.batch === before.batch && receipt.index > before.index);
    if (blocked.has(key)) failures.push(`the command at ${place} has overtaken a parked one`);
    if (!isLater) failures.push(`the command at ${place} was decided before an earlier one of its key`);
    last.set(key, receipt);
  }
  return failures;
}

/** How far the archive is: what it says is there has left the hot table. */
function archiveContradictions({ ledger }: Evidence): readonly string[] {
  return [...ledger.receipts.rows.values()].flatMap(({ partition, seq, commandId }) => {
    const { archivedSeq = 0 } = ledger.retention.rows.get(String(partition)) ?? {};
    return seq === null || seq > archivedSeq ? [] : [`the receipt of ${commandId} is not in the archive`];
  });
}
