import { encodeEvent, payloadHash } from '@tradestream/contracts';
import { arrays } from '@tradestream/database';
import { partitionOf } from '@tradestream/messaging';
import { type Balance, commandKey, decide, evolve, type Order, type TradeEvent } from '@tradestream/trading';
import type { LoadCommand } from '../load.ts';
import type { RawColumns } from './raw-statements.ts';
import type { RowState } from './row-state.ts';

/** Where raw writing stands: what the product keeps in partition rows, receipts and events. */
export class RawPosition {
  readonly next = new Map<number, number>();
  batch = 0;
  commandCount = 0;
}

type Row = {
  readonly commandId: string;
  readonly hash: Buffer;
  readonly outcome: string;
  readonly reason: string | null;
  readonly partition: number;
  readonly offset: number;
  readonly seq: number;
  readonly index: number;
  readonly key: string;
  readonly event: TradeEvent;
  readonly payload: Buffer;
  readonly occurredAt: number;
};

const PARTITIONS = 6;
const TIMELINE = 1;
const SCHEMA_ID = 1;

/**
 * The rows that a batch of commands comes to, decided beforehand, as columns in binary form: nothing
 * but SQL is left for the clock.
 */
export function makeRawBatch(state: RowState, position: RawPosition, commands: readonly LoadCommand[]): RawColumns {
  position.batch += 1;
  const rows = commands.map((command, index) => makeRow(state, position, command, index));
  const { balances, made, changed } = state.takeTouched();
  const moved = [...new Set(rows.map((row) => row.partition))].toSorted((a, b) => a - b);
  const next = moved.map((partition) => position.next.get(partition) ?? 0);
  return {
    partitions: [
      arrays.int4(moved),
      arrays.int8(next),
      arrays.int8(next),
      arrays.bytea(moved.map((partition) => rows.findLast((row) => row.partition === partition)?.hash ?? null)),
    ],
    changed: changedColumns(changed),
    balances: balanceColumns(balances),
    receipts: receiptColumns(
      rows.toSorted((a, b) => (a.commandId < b.commandId ? -1 : 1)),
      position.batch,
    ),
    made: madeColumns(made),
    trades: tradeColumns(rows),
    events: eventColumns(rows, position.batch),
  };
}

function makeRow(state: RowState, position: RawPosition, { commandId, command }: LoadCommand, index: number): Row {
  const decision = decide(command, state);
  const event: TradeEvent = decision.accepted
    ? decision.event
    : { type: 'CommandRejected', reason: decision.reason, command };
  evolve(state, event);
  const key = commandKey(command);
  const partition = partitionOf(key, PARTITIONS);
  const offset = position.next.get(partition) ?? 0;
  const seq = offset + 1;
  position.next.set(partition, seq);
  position.commandCount += 1;
  const occurredAt = Date.now() * 1_000;
  const payload = encodeEvent({
    partition,
    seq,
    timeline: TIMELINE,
    batch: position.batch,
    commandId,
    occurredAt,
    event,
  });
  const reason = decision.accepted ? null : decision.reason;
  const outcome = decision.accepted ? 'applied' : 'rejected';
  return {
    commandId,
    hash: payloadHash(command),
    outcome,
    reason,
    partition,
    offset,
    seq,
    index,
    key,
    event,
    payload,
    occurredAt,
  };
}

function changedColumns(orders: readonly Order[]): readonly (Buffer | string)[] {
  return [
    arrays.text(orders.map((order) => order.orderId)),
    arrays.int8(orders.map((order) => order.version)),
    arrays.numeric18(orders.map((order) => order.filled)),
    arrays.numeric18(orders.map((order) => order.hold)),
    // The element type of an enum has no fixed number, so it goes as text.
    `{${orders.map((order) => order.status).join(',')}}`,
  ];
}

function balanceColumns(balances: readonly Balance[]): readonly Buffer[] {
  return [
    arrays.text(balances.map((balance) => balance.userId)),
    arrays.text(balances.map((balance) => balance.asset)),
    arrays.int8(balances.map((balance) => balance.version)),
    arrays.numeric18(balances.map((balance) => balance.available)),
    arrays.numeric18(balances.map((balance) => balance.held)),
  ];
}

function receiptColumns(rows: readonly Row[], batch: number): readonly Buffer[] {
  return [
    arrays.uuid(rows.map((row) => row.commandId)),
    arrays.bytea(rows.map((row) => row.hash)),
    arrays.text(rows.map((row) => row.outcome)),
    arrays.text(rows.map((row) => row.reason)),
    arrays.int4(rows.map((row) => row.partition)),
    arrays.int8(rows.map((row) => row.offset)),
    arrays.int8(rows.map(() => batch)),
    arrays.int4(rows.map((row) => row.index)),
    arrays.int8(rows.map((row) => row.seq)),
  ];
}

function madeColumns(orders: readonly Order[]): readonly Buffer[] {
  return [
    arrays.text(orders.map((order) => order.orderId)),
    arrays.text(orders.map((order) => order.userId)),
    arrays.text(orders.map((order) => order.symbol)),
    arrays.text(orders.map((order) => order.side)),
    arrays.text(orders.map((order) => order.status)),
    arrays.numeric18(orders.map((order) => order.price)),
    arrays.numeric18(orders.map((order) => order.quantity)),
    arrays.numeric18(orders.map((order) => order.filled)),
    arrays.numeric18(orders.map((order) => order.hold)),
    arrays.int8(orders.map((order) => order.version)),
  ];
}

function tradeColumns(rows: readonly Row[]): readonly Buffer[] {
  const trades = rows
    .flatMap(({ event, partition, seq }) =>
      event.type === 'TradeExecuted' ? [{ symbol: event.symbol, tradeId: event.tradeId, partition, seq }] : [],
    )
    .toSorted((a, b) => (`${a.symbol} ${a.tradeId}` < `${b.symbol} ${b.tradeId}` ? -1 : 1));
  return [
    arrays.text(trades.map((trade) => trade.symbol)),
    arrays.text(trades.map((trade) => trade.tradeId)),
    arrays.int4(trades.map((trade) => trade.partition)),
    arrays.int8(trades.map((trade) => trade.seq)),
  ];
}

function eventColumns(rows: readonly Row[], batch: number): readonly Buffer[] {
  return [
    arrays.int4(rows.map((row) => row.partition)),
    arrays.int8(rows.map((row) => row.seq)),
    arrays.int4(rows.map(() => TIMELINE)),
    arrays.int8(rows.map(() => batch)),
    arrays.int4(rows.map((row) => row.index)),
    arrays.text(rows.map((row) => row.event.type)),
    arrays.int4(rows.map(() => SCHEMA_ID)),
    arrays.text(rows.map((row) => row.key)),
    arrays.bytea(rows.map((row) => row.payload)),
    arrays.uuid(rows.map((row) => row.commandId)),
    arrays.timestamptzMicros(rows.map((row) => row.occurredAt)),
  ];
}
