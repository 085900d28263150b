import { invariant } from '@tradestream/runtime';
import {
  CommandDefect,
  type Decided,
  Draft,
  decideOne,
  type NewReceipt,
  type ReceiptBook,
} from '../apply/decide-batch.ts';
import type { Positions } from '../ownership/position.ts';
import type { WorkingState } from '../state/working-state.ts';
import type { ParkedRow } from './parked-rows.ts';
import type { Release, ReleasePlan } from './plan-release.ts';

/** What a parked record becomes. */
export type Settlement = {
  readonly row: ParkedRow;
  readonly status: ParkedRow['status'];
  readonly reason: string;
  readonly message: string;
  readonly commandId: string | null;
  readonly blocksKey: boolean;
  /** 1 when it was tried. */
  readonly attempts: number;
  /** What its intent is answered. */
  readonly answer: string | null;
};

/** An edited command that got its outcome. */
export type NewEdit = {
  readonly row: ParkedRow;
  readonly commandId: string;
  /** Null where what was sent is no command. As Latin-1 text. */
  readonly originalHash: string | null;
  readonly editedHash: string;
};

export type DecidedRelease = {
  /** Its receipts are those of records that had none. */
  readonly decided: Decided;
  /** Receipts that are there and move. */
  readonly moved: readonly MovedReceipt[];
  readonly settlements: readonly Settlement[];
  readonly edits: readonly NewEdit[];
};

export type MovedReceipt = {
  readonly commandId: string;
  readonly outcome: NewReceipt['outcome'] | 'discarded';
  readonly reason: string | null;
  readonly index: number | null;
  readonly seq: number | null;
};

/**
 * Decides what is released on `state`, which holds every effect afterwards, and says what becomes of
 * each record. The receipts are those of all commands released.
 * @throws {CommandDefect} naming the command that cannot be decided
 */
export function decideReleased(options: {
  readonly plan: ReleasePlan;
  readonly state: WorkingState;
  readonly receipts: ReceiptBook;
  readonly positions: Positions;
}): DecidedRelease {
  const { plan } = options;
  const draft = new Draft({ receipts: options.receipts, onReceipt: () => undefined });
  const added: NewReceipt[] = [];
  const moved: MovedReceipt[] = [];
  const settlements: Settlement[] = [];
  const edits: NewEdit[] = [];
  for (const release of plan.releases) {
    const settled = settleRelease(release, draft, options);
    settlements.push(settled);
    const receipt = draft.receipts.at(-1);
    if (receipt === undefined || receipt.from !== release.from) continue; // it stands by another receipt
    if (release.row.commandId === null) added.push(receipt);
    else moved.push(movedOf(receipt));
    if (release.row.intent?.kind === 'edit') edits.push(editOf(release, options.receipts));
  }
  for (const { row, reason, message, answer } of plan.refusals) {
    const { commandId, blocksKey } = row;
    settlements.push({ row, status: 'parked', reason, message, commandId, blocksKey, attempts: 1, answer });
    if (commandId !== null) moved.push({ commandId, outcome: 'parked', reason, index: null, seq: null });
  }
  for (const row of plan.discards) {
    const { reason, message, commandId, blocksKey } = row;
    settlements.push({ row, status: 'discarded', reason, message, commandId, blocksKey, attempts: 0, answer: null });
    if (commandId !== null) moved.push({ commandId, outcome: 'discarded', reason, index: null, seq: null });
  }
  const { events, encoded, conflicts, duplicates, absentOrders, absentTrades } = draft;
  const decided = { receipts: added, events, encoded, parked: [], conflicts, duplicates, absentOrders, absentTrades };
  return { decided, moved, settlements, edits };
}

function settleRelease(
  { row, from, failure }: Release,
  draft: Draft,
  options: Parameters<typeof decideReleased>[0],
): Settlement {
  const { state, receipts, positions } = options;
  const { commandId } = from;
  const asItWas = { row, reason: row.reason, message: row.message, blocksKey: row.blocksKey, attempts: 1 };
  const first = receipts.get(commandId);
  if (row.commandId === null && first !== undefined) {
    // The command came again, whole, while this record lay aside.
    const isSame = draft.repeat(from, first);
    const answer = `${isSame ? 'a duplicate' : 'a conflict'} of the command whose receipt is from ${first.partition}@${first.offset}`;
    return { ...asItWas, status: 'discarded', commandId: null, answer };
  }
  if (row.commandId === null) {
    receipts.set(commandId, { hash: from.hash, partition: from.record.partition, offset: from.record.offset });
  }
  if (failure !== null) {
    draft.park(from, failure);
    const reason = draft.receipts.at(-1)?.reason ?? row.reason;
    return { ...asItWas, status: 'parked', reason, message: failure, commandId, blocksKey: true, answer: failure };
  }
  const position = positions.get(from.record.partition);
  invariant(position !== undefined, 'a release is of partitions that are owned');
  try {
    position.seq += 1;
    draft.settle(from, decideOne(from, state), position.seq);
    draft.noteAbsences(state);
  } catch (error) {
    throw new CommandDefect(from, error);
  }
  const receipt = draft.receipts.at(-1);
  const status = receipt?.outcome === 'applied' ? 'applied' : 'rejected';
  return { ...asItWas, status, commandId, answer: receipt?.reason ?? null };
}

function movedOf({ from, outcome, reason, index, seq }: NewReceipt): MovedReceipt {
  return { commandId: from.commandId, outcome, reason, index, seq };
}

function editOf({ row, from }: Release, receipts: ReceiptBook): NewEdit {
  const originalHash = row.commandId === null ? null : (receipts.get(from.commandId)?.hash ?? null);
  return { row, commandId: from.commandId, originalHash, editedHash: from.hash };
}
