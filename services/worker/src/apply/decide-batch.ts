import { EventPack } from '@tradestream/contracts';
import { errorOf } from '@tradestream/runtime';
import { type Decision, decide, evolve, type TradeEvent } from '@tradestream/trading';
import type { DecodedCommand, DecodedRecord, PoisonRecord } from '../intake/decode-record.ts';
import { blockKey, type Positions } from '../ownership/position.ts';
import type { KnownReceipt } from '../state/receipt-table.ts';
import type { WorkingState } from '../state/working-state.ts';

export interface ReceiptBook {
  get(commandId: string): KnownReceipt | undefined;
  set(commandId: string, receipt: KnownReceipt): unknown;
}

export type NewReceipt = {
  readonly from: DecodedCommand;
  readonly index: number;
  readonly outcome: 'applied' | 'rejected' | 'parked';
  readonly reason: string | null;
  /** Null for a parked command: it has no event yet. */
  readonly seq: number | null;
};

export type NewEvent = {
  readonly from: DecodedCommand;
  readonly index: number;
  readonly seq: number;
  readonly type: TradeEvent['type'];
};

export type NewParked = {
  readonly from: DecodedRecord;
  readonly reason: string;
  readonly message: string;
  readonly blocksKey: boolean;
};

export type NewConflict = { readonly from: DecodedCommand; readonly firstHash: string };

/** Why a command is parked that may be fine itself. At the head of its key's queue it waits for nothing any more. */
export const BEHIND_PARKED = 'BEHIND_PARKED';
/** A record that was parked before keeps that outcome when it is read again, whatever it decodes to by now. */
export const PARKED_BEFORE = 'PARKED_BEFORE';

/** All that a batch comes to, before it is written. */
export type Decided = {
  readonly receipts: readonly NewReceipt[];
  readonly events: readonly NewEvent[];
  /** Their Avro records but for the batch number; in the same order. */
  readonly encoded: EventPack;
  readonly parked: readonly NewParked[];
  readonly conflicts: readonly NewConflict[];
  readonly duplicates: number;
  /** Absences that refusals rest on; the write checks them. */
  readonly absentOrders: readonly string[];
  readonly absentTrades: readonly { readonly symbol: string; readonly tradeId: string }[];
};

/** A command whose decision or encoding throws: a defect that must not stop its partition. */
export class CommandDefect extends Error {
  override readonly name = 'CommandDefect';
  readonly from: DecodedCommand;

  constructor(from: DecodedCommand, cause: unknown) {
    super(`deciding command ${from.commandId} failed: ${errorOf(cause).message}`, { cause });
    this.from = from;
  }
}

/**
 * Decides the records of a batch in their order on `state`, which holds every effect afterwards.
 * `seqs` gives each partition's last event sequence and is moved on.
 * @throws {CommandDefect} naming the command that cannot be decided
 */
export function decideBatch(options: {
  readonly records: readonly DecodedRecord[];
  readonly state: WorkingState;
  /** Holds the batch's own receipts afterwards, also when it throws. */
  readonly receipts: ReceiptBook;
  /** Told of each of them. */
  readonly onReceipt: (commandId: string) => void;
  readonly positions: Positions;
  /** Commands to set aside without deciding them, by id, with the reason: they failed alone. */
  readonly failing: ReadonlyMap<string, string>;
}): Decided {
  const { state, positions } = options;
  const draft = new Draft(options);
  for (const record of options.records) {
    if (record.kind === 'poison') {
      draft.setAside(record, positions);
      continue;
    }
    const position = positions.get(record.record.partition);
    if (position === undefined) continue;
    if (draft.seenBefore(record)) continue;
    const failure = options.failing.get(record.commandId);
    if (failure !== undefined || position.blockedKeys.has(record.key)) {
      blockKey(position, record.key, record.record.offset);
      draft.park(record, failure);
      continue;
    }
    try {
      position.seq += 1;
      draft.settle(record, decideOne(record, state), position.seq);
      draft.noteAbsences(state);
    } catch (error) {
      throw new CommandDefect(record, error);
    }
  }
  return draft;
}

export function decideOne(from: DecodedCommand, state: WorkingState): { event: TradeEvent; decision: Decision } {
  state.placing = from.command.type === 'PlaceOrder';
  state.assumedOrder = null;
  state.assumedTrade = null;
  const decision = decide(from.command, state);
  if (!decision.accepted) {
    return { decision, event: { type: 'CommandRejected', reason: decision.reason, command: from.command } };
  }
  // What was accepted is proved absent by the insert.
  state.assumedOrder = null;
  state.assumedTrade = null;
  evolve(state, decision.event);
  return { decision, event: decision.event };
}

/** Gathers what a batch comes to while it is decided. */
export class Draft implements Decided {
  readonly receipts: NewReceipt[] = [];
  readonly events: NewEvent[] = [];
  readonly encoded = new EventPack();
  readonly parked: NewParked[] = [];
  readonly conflicts: NewConflict[] = [];
  readonly absentOrders: string[] = [];
  readonly absentTrades: { symbol: string; tradeId: string }[] = [];
  duplicates = 0;
  readonly #known: ReceiptBook;
  readonly #onReceipt: (commandId: string) => void;
  #index = 0;

  constructor(options: { readonly receipts: ReceiptBook; readonly onReceipt: (commandId: string) => void }) {
    this.#known = options.receipts;
    this.#onReceipt = options.onReceipt;
  }

  /** A command id that has its receipt: this record adds at most a conflict. */
  seenBefore(from: DecodedCommand): boolean {
    const first = this.#known.get(from.commandId);
    const { partition, offset } = from.record;
    if (first === undefined) {
      this.#known.set(from.commandId, { hash: from.hash, partition, offset });
      this.#onReceipt(from.commandId);
      return false;
    }
    // Read again at the place of its own receipt: that outcome stands.
    if (first.partition === partition && first.offset === offset) return true;
    this.repeat(from, first);
    return true;
  }

  /** A record whose command id stands by a receipt from another place; answers whether its payload does too. */
  repeat(from: DecodedCommand, first: KnownReceipt): boolean {
    const isSame = first.hash === from.hash || first.editedHash === from.hash;
    if (isSame) this.duplicates += 1;
    else this.conflicts.push({ from, firstHash: first.hash });
    return isSame;
  }

  setAside(from: PoisonRecord, positions: Positions): void {
    const { record, reason, message, blocksKey = false } = from;
    this.parked.push({ from, reason, message, blocksKey });
    if (blocksKey && record.key !== null) {
      const position = positions.get(record.partition);
      if (position !== undefined) blockKey(position, record.key.toString('utf8'), record.offset);
    }
  }

  park(from: DecodedCommand, failure: string | undefined): void {
    const reason = failure === undefined ? BEHIND_PARKED : 'COMMAND_FAILED';
    const message = failure ?? 'an earlier command of this key is parked';
    this.parked.push({ from, reason, message, blocksKey: true });
    this.receipts.push({ from, index: this.#index++, outcome: 'parked', reason, seq: null });
  }

  settle(from: DecodedCommand, decided: { event: TradeEvent; decision: Decision }, seq: number): void {
    const { event, decision } = decided;
    const index = this.#index++;
    const { partition, timestampMs } = from.record;
    this.encoded.add({ partition, seq }, { commandId: from.commandId, occurredAt: timestampMs * 1_000, event });
    const settled = {
      from,
      index,
      seq,
      type: event.type,
      outcome: decision.accepted ? ('applied' as const) : ('rejected' as const),
      reason: decision.accepted ? null : decision.reason,
    };
    this.events.push(settled);
    this.receipts.push(settled);
  }

  noteAbsences(state: WorkingState): void {
    if (state.assumedOrder !== null) this.absentOrders.push(state.assumedOrder);
    if (state.assumedTrade !== null) this.absentTrades.push(state.assumedTrade);
  }
}
