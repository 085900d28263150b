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
};

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
  readonly events = new Table<EventRow>('events');
  readonly balances = new Table<BalanceRow>('balances');
  readonly orders = new Table<OrderRow>('orders');
  readonly trades = new Table<{ readonly partition: number; readonly seq: number }>('trades');
  readonly conflicts = new Table<ConflictRow>('conflicts');
  readonly parked = new Table<ParkedRow>('parked');
  readonly schemas = new Table<{ readonly id: number; readonly schema: string }>('schemas');
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

/** Primary keys of two columns. */
export function pair(first: string | number, second: string | number): string {
  return `${first}|${second}`;
}
