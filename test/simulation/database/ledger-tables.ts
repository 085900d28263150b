import type { OrderStatus, Side } from '@tradestream/trading';
import { Table } from './table.ts';

export type PartitionRow = {
  readonly partition: number;
  readonly nextOffset: number;
  readonly lastHash: Buffer | null;
  readonly eventSeq: number;
  readonly publishedSeq: number;
  readonly epoch: number;
  readonly owner: string | null;
  readonly ownerPid: number | null;
  readonly claimedOffset: number | null;
  readonly deaths: number;
  readonly singlyUntil: number;
  readonly singleOffset: number | null;
  readonly singleAttempts: number;
};

export type ReceiptRow = {
  readonly commandId: string;
  readonly hash: Buffer;
  readonly outcome: string;
  readonly reason: string | null;
  readonly partition: number;
  readonly offset: number;
  readonly batch: number;
  readonly index: number;
  readonly seq: number | null;
};

export type EventRow = {
  readonly partition: number;
  readonly seq: number;
  readonly timeline: number;
  readonly batch: number;
  readonly index: number;
  readonly type: string;
  readonly schemaId: number;
  readonly key: string;
  readonly payload: Buffer;
  readonly commandId: string;
  readonly occurredAt: number;
  readonly traceparent: string | null;
};

export type BalanceRow = {
  readonly userId: string;
  readonly asset: string;
  readonly available: bigint;
  readonly held: bigint;
  readonly version: number;
};

export type OrderRow = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly status: OrderStatus;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly filled: bigint;
  readonly hold: bigint;
  readonly version: number;
};

export type ParkedRow = {
  readonly id: number;
  readonly partition: number;
  readonly offset: number;
  readonly recordTime: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: string;
  readonly reason: string;
  readonly message: string;
  readonly commandId: string | null;
  readonly blocksKey: boolean;
  readonly isCopied: boolean;
  readonly status: string;
  readonly attempts: number;
  readonly tries: number;
};

export type IntentRow = {
  readonly id: number;
  readonly parkedId: number;
  readonly partition: number;
  readonly jobId: string;
  readonly kind: string;
  readonly editedValue: Buffer | null;
  readonly actor: string;
  readonly requestedAtMs: number;
  /** Null while it is open. */
  readonly outcome: string | null;
  readonly message: string | null;
};

export type EditRow = {
  readonly parkedId: number;
  readonly intentId: number;
  readonly originalHash: Buffer | null;
  readonly editedHash: Buffer;
};

export type AuditRow = { readonly intentId: number; readonly actor: string; readonly outcome: string };

export type ConflictRow = {
  readonly partition: number;
  readonly offset: number;
  readonly commandId: string;
  readonly hash: Buffer;
  readonly firstHash: Buffer;
};

/** The tables of one topic's ledger, by their primary keys as text. */
export class LedgerTables {
  readonly partitions = new Table<PartitionRow>('partitions');
  readonly receipts = new Table<ReceiptRow>('receipts');
  readonly archive = new Table<ReceiptRow>('receipt_archive');
  /** By partition. */
  readonly retention = new Table<{ readonly archivedSeq: number; readonly discarded: boolean }>('retention');
  readonly events = new Table<EventRow>('events');
  readonly balances = new Table<BalanceRow>('balances');
  readonly orders = new Table<OrderRow>('orders');
  readonly trades = new Table<{ readonly partition: number; readonly seq: number }>('trades');
  readonly conflicts = new Table<ConflictRow>('conflicts');
  readonly parked = new Table<ParkedRow>('parked');
  readonly schemas = new Table<{ readonly id: number; readonly schema: string }>('schemas');
  readonly jobs = new Table<{ readonly createdAtMs: number }>('jobs');
  readonly intents = new Table<IntentRow>('intents');
  /** By the parked record: it has one open intent at most. */
  readonly openIntents = new Table<{ readonly id: number }>('intents_open');
  readonly edits = new Table<EditRow>('edits');
  readonly audit = new Table<AuditRow>('audit');
  /** Whether what is cursed is refused: a defect that somebody may mend. */
  isCursed = true;
  #identity = 0;

  /** A number that no other row has; never taken back. */
  nextIdentity(): number {
    this.#identity += 1;
    return this.#identity;
  }
}

export function emptyPartition(partition: number): PartitionRow {
  return {
    partition,
    nextOffset: 0,
    lastHash: null,
    eventSeq: 0,
    publishedSeq: 0,
    epoch: 0,
    owner: null,
    ownerPid: null,
    claimedOffset: null,
    deaths: 0,
    singlyUntil: 0,
    singleOffset: null,
    singleAttempts: 0,
  };
}

const OFFSETS = 1_000_000;

/** A parked record's id tells its place. */
export function parkedIdOf(partition: number, offset: number): number {
  return partition * OFFSETS + offset + 1;
}

/** The primary key of the record that is parked under an id. */
export function parkedKeyOf(id: number): string {
  return pair(Math.floor((id - 1) / OFFSETS), (id - 1) % OFFSETS);
}

/** Primary keys of two columns. */
export function pair(first: string | number, second: string | number): string {
  return `${first}|${second}`;
}
