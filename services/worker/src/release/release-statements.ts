import { arrays, type Statement } from '@tradestream/database';
import type { DecidedRelease, MovedReceipt, NewEdit, Settlement } from './decide-released.ts';
import type { ParkedRow } from './parked-rows.ts';
import type { Answer } from './plan-release.ts';

const MESSAGE_MAX = 2_000;

/** What a release writes besides what every batch writes. */
export function settleRelease(release: DecidedRelease, answers: readonly Answer[]): readonly Statement[] {
  const { moved, settlements, edits } = release;
  const executed = [
    ...settlements.map(({ row, status, answer }) => ({ row, outcome: status, message: answer })),
    ...answers,
  ];
  const details = new Map(edits.map((edit) => [edit.row.id, edit]));
  return [
    ...(moved.length > 0 ? [settleReceipts(moved)] : []),
    ...(settlements.length > 0 ? [settleParked(settlements)] : []),
    ...(edits.length > 0 ? [addEdits(edits)] : []),
    settleIntents(executed, details),
  ];
}

function settleReceipts(moved: readonly MovedReceipt[]): Statement {
  return {
    name: 'settle_receipts',
    text: 'SELECT ledger.settle_receipts($1, $2, $3, $4, $5)',
    values: [
      arrays.uuid(moved.map(({ commandId }) => commandId)),
      arrays.text(moved.map(({ outcome }) => outcome)),
      arrays.text(moved.map(({ reason }) => reason)),
      arrays.int4(moved.map(({ index }) => index)),
      arrays.int8(moved.map(({ seq }) => seq)),
    ],
  };
}

function settleParked(settlements: readonly Settlement[]): Statement {
  return {
    name: 'settle_parked',
    text: 'SELECT ledger.settle_parked($1, $2, $3, $4, $5, $6, $7)',
    values: [
      arrays.int8(settlements.map(({ row }) => row.id)),
      arrays.text(settlements.map(({ status }) => status)),
      arrays.text(settlements.map(({ reason }) => reason)),
      arrays.text(settlements.map(({ message }) => storable(message))),
      arrays.uuid(settlements.map(({ commandId }) => commandId)),
      arrays.bool(settlements.map(({ blocksKey }) => blocksKey)),
      arrays.int4(settlements.map(({ attempts }) => attempts)),
    ],
  };
}

function addEdits(edits: readonly NewEdit[]): Statement {
  return {
    name: 'add_edits',
    text: `INSERT INTO ledger.edits (command_id, parked_id, intent_id, original_hash, edited_hash)
           SELECT command_id, parked_id, intent_id, original_hash, edited_hash
           FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])
             AS made (command_id, parked_id, intent_id, original_hash, edited_hash)`,
    values: [
      arrays.uuid(edits.map(({ commandId }) => commandId)),
      arrays.int8(edits.map(({ row }) => row.id)),
      arrays.int8(edits.map(({ row }) => row.intent?.id ?? null)),
      arrays.byteaLatin1(edits.map(({ originalHash }) => originalHash)),
      arrays.byteaLatin1(edits.map(({ editedHash }) => editedHash)),
    ],
  };
}

function settleIntents(
  executed: readonly { readonly row: ParkedRow; readonly outcome: string; readonly message: string | null }[],
  edits: ReadonlyMap<number, NewEdit>,
): Statement {
  const asked = executed.flatMap(({ row, outcome, message }) =>
    row.intent === null ? [] : [{ row, outcome, message, intentId: row.intent.id }],
  );
  return {
    name: 'settle_intents',
    text: 'SELECT ledger.settle_intents($1, $2, $3, $4)',
    values: [
      arrays.int8(asked.map(({ intentId }) => intentId)),
      arrays.text(asked.map(({ outcome }) => outcome)),
      arrays.text(asked.map(({ message }) => (message === null ? null : storable(message)))),
      arrays.text(asked.map(({ row }) => JSON.stringify(detailsOf(row, edits.get(row.id))))),
    ],
  };
}

/** What the audit keeps of a record besides who wanted what of it. */
function detailsOf({ record, commandId, reason }: ParkedRow, edit: NewEdit | undefined): object {
  const { topic, partition, offset } = record;
  const place = { topic, partition, offset, commandId: edit?.commandId ?? commandId, reason };
  if (edit === undefined) return place;
  return { ...place, originalHash: hexOf(edit.originalHash), editedHash: hexOf(edit.editedHash) };
}

function hexOf(latin1: string | null): string | null {
  return latin1 === null ? null : Buffer.from(latin1, 'latin1').toString('hex');
}

/** Text that the database can hold. */
function storable(message: string): string {
  return message.replaceAll('\u0000', '\\u0000').slice(0, MESSAGE_MAX);
}
