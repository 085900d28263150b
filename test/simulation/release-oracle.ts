import { decodeCommand, payloadDigest, readFrame } from '@tradestream/contracts';
import type { IntentRow, LedgerTables, ParkedRow } from './database/ledger-tables.ts';
import { type Evidence, placeOf } from './evidence.ts';

/** What an intent is answered that came when everything was done. */
const SETTLED_BEFORE = 'it was settled before';
const WAITS_BEHIND = 'it waits behind';

/** Whatever was asked for, by whom and how often: one effect each, told to everyone who asked. */
export function releaseContradictions(evidence: Evidence): readonly string[] {
  const { ledger } = evidence;
  const intents = Map.groupBy(
    [...ledger.intents.rows.values()].toSorted((a, b) => a.id - b.id),
    ({ parkedId }) => parkedId,
  );
  return [
    ...[...ledger.parked.rows.values()].flatMap((row) =>
      parkedContradictions(evidence, row, intents.get(row.id) ?? []),
    ),
    ...auditContradictions(ledger),
    ...editContradictions(ledger),
  ];
}

function parkedContradictions({ byPlace }: Evidence, row: ParkedRow, intents: readonly IntentRow[]): readonly string[] {
  const failures: string[] = [];
  const receipt = byPlace.get(placeOf(row));
  const stands = `${receipt?.commandId ?? null} ${receipt?.outcome ?? row.status}`;
  if (stands !== `${row.commandId} ${row.status}`)
    failures.push(`parked ${row.id} is ${row.status}, receipt ${stands}`);
  if (row.status === 'parked' && receipt !== undefined && receipt.reason !== row.reason) {
    failures.push(`parked ${row.id} is ${row.reason}, by its receipt ${receipt.reason}`);
  }
  const ending = intents.filter(({ outcome, message }) => outcome !== 'parked' && message !== SETTLED_BEFORE);
  const [end] = ending;
  if (ending.length > 1) failures.push(`parked ${row.id} was ended by ${ending.length} intents`);
  if (end !== undefined && end.outcome !== row.status) failures.push(`parked ${row.id} is ${row.status}, ${said(end)}`);
  if (end?.kind === 'discard' && end.outcome !== 'discarded') failures.push(`a discard of ${row.id}: ${said(end)}`);
  const failed = intents.filter(
    ({ outcome, message }) => outcome === 'parked' && message?.startsWith(WAITS_BEHIND) !== true,
  );
  for (const intent of failed) if (!intent.message) failures.push(`intent ${intent.id} does not say why it failed`);
  const isReleased = row.status === 'applied' || row.status === 'rejected';
  if (!isReleased && end === undefined && row.status !== 'parked') failures.push(`nobody asked that ${row.id} is gone`);
  const tried =
    failed.length + ((end !== undefined && end.kind !== 'discard') || (end === undefined && isReleased) ? 1 : 0);
  // What waited and then failed alone was tried once more than anybody asked for.
  if (row.attempts < 1 + tried || row.attempts > 2 + tried) {
    failures.push(`parked ${row.id} was tried ${row.attempts} times, by its intents ${1 + tried}`);
  }
  return failures;
}

function said({ id, kind, outcome }: IntentRow): string {
  return `by the ${kind} ${id} ${outcome}`;
}

/** Who did what is told once. */
function auditContradictions(ledger: LedgerTables): readonly string[] {
  const audits = Map.groupBy(ledger.audit.rows.values(), ({ intentId }) => intentId);
  const executed = [...ledger.intents.rows.values()].filter(({ outcome }) => outcome !== null);
  const failures = executed.flatMap(({ id, actor, outcome }) => {
    const told = (audits.get(id) ?? []).map((audit) => `${audit.actor} ${audit.outcome}`);
    return told.join() === `${actor} ${outcome}` ? [] : [`intent ${id} is told as ${told.join()}`];
  });
  return audits.size === executed.length ? failures : [...failures, `${audits.size} audits of ${executed.length}`];
}

/** What was decided in place of what was sent is known by its hash from then on. */
function editContradictions(ledger: LedgerTables): readonly string[] {
  const kept = new Map([...ledger.edits.rows.values()].map((edit) => [edit.intentId, edit]));
  return [...ledger.intents.rows.values()].flatMap(({ id, kind, outcome, message, editedValue }) => {
    const isDone = kind === 'edit' && (outcome === 'applied' || outcome === 'rejected') && message !== SETTLED_BEFORE;
    const edit = kept.get(id);
    if (!isDone || editedValue === null) return edit === undefined ? [] : [`an edit of intent ${id}, which is none`];
    const hash = payloadDigest(decodeCommand(readFrame(editedValue).payload).command);
    return edit?.editedHash.toString('latin1') === hash ? [] : [`the edit of intent ${id} is not known by its hash`];
  });
}
