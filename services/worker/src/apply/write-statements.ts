import type { EventNumbers, EventPack, FramedEvents } from '@tradestream/contracts';
import {
  arrays,
  type CopyStatement,
  copyInto,
  copyUnnumbered,
  type PackedColumn,
  type Statement,
  type UnnumberedCopy,
} from '@tradestream/database';
import type { Order } from '@tradestream/trading';
import { headerOf, TIMESTAMP_MS } from '../intake/decode-record.ts';
import type { EventHeads } from '../relay/written-events.ts';
import type { BalanceColumns } from '../state/touched-balances.ts';
import type { OrderTouched } from '../state/working-state.ts';
import type { Decided, NewConflict, NewEvent, NewParked, NewReceipt } from './decide-batch.ts';

const TRACEPARENT_MAX = 128;

/** From where to where a partition moves, under which epoch. */
export type PartitionMove = {
  readonly partition: number;
  readonly epoch: number;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly lastHash: Buffer | null;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly publishedSeq: number;
};

export function movePartitions(topic: string, moves: readonly PartitionMove[]): Statement {
  return {
    name: 'move_partitions',
    text: 'SELECT ledger.move_partitions($1, $2, $3, $4, $5, $6, $7, $8, $9)',
    values: [
      topic,
      arrays.int4(moves.map((move) => move.partition)),
      arrays.int8(moves.map((move) => move.epoch)),
      arrays.int8(moves.map((move) => move.fromOffset)),
      arrays.int8(moves.map((move) => move.toOffset)),
      arrays.bytea(moves.map((move) => move.lastHash)),
      arrays.int8(moves.map((move) => move.fromSeq)),
      arrays.int8(moves.map((move) => move.toSeq)),
      arrays.int8(moves.map((move) => move.publishedSeq)),
    ],
  };
}

/** The fence of a batch that takes nothing from the log. */
export function moveSequences(topic: string, moves: readonly PartitionMove[]): Statement {
  return {
    name: 'move_sequences',
    text: 'SELECT ledger.move_sequences($1, $2, $3, $4, $5, $6, $7)',
    values: [
      topic,
      arrays.int4(moves.map((move) => move.partition)),
      arrays.int8(moves.map((move) => move.epoch)),
      arrays.int8(moves.map((move) => move.fromOffset)),
      arrays.int8(moves.map((move) => move.fromSeq)),
      arrays.int8(moves.map((move) => move.toSeq)),
      arrays.int8(moves.map((move) => move.publishedSeq)),
    ],
  };
}

export function lockPartitions(
  topic: string,
  moves: readonly Pick<PartitionMove, 'partition' | 'epoch' | 'fromOffset'>[],
): Statement {
  return {
    name: 'lock_partitions',
    text: 'SELECT ledger.lock_partitions($1, $2, $3, $4)',
    values: [
      topic,
      arrays.int4(moves.map((move) => move.partition)),
      arrays.int8(moves.map((move) => move.epoch)),
      arrays.int8(moves.map((move) => move.fromOffset)),
    ],
  };
}

/** Rows of zero for balances that were never credited: a lock on an absent row locks nothing. */
export function addZeroBalances(keys: readonly { readonly userId: string; readonly asset: string }[]): Statement {
  return {
    name: 'add_zero_balances',
    text: `INSERT INTO ledger.balances (user_id, asset, available, held, version)
           SELECT user_id, asset, 0, 0, 0 FROM unnest($1::text[], $2::text[]) AS named (user_id, asset)
           ON CONFLICT DO NOTHING`,
    values: [arrays.text(keys.map((key) => key.userId)), arrays.text(keys.map((key) => key.asset))],
  };
}

/** Orders that the batch found: written, or only read and then compared as they stand. */
export function writeOrders(orders: readonly (OrderTouched & { before: Order })[]): Statement {
  return {
    name: 'write_orders',
    text: 'SELECT ledger.write_orders($1, $2, $3, $4, $5, $6, $7, $8)',
    values: [
      arrays.text(orders.map((order) => order.current.orderId)),
      arrays.int8(orders.map((order) => order.before.version)),
      arrays.int8(orders.map((order) => order.current.version)),
      arrays.numeric18(orders.map((order) => order.current.price)),
      arrays.numeric18(orders.map((order) => order.current.quantity)),
      arrays.numeric18(orders.map((order) => order.current.filled)),
      arrays.numeric18(orders.map((order) => order.current.hold)),
      textArray(orders.map((order) => order.current.status)),
    ],
  };
}

export function writeBalances(balances: BalanceColumns): Statement {
  return {
    name: 'write_balances',
    text: 'SELECT ledger.write_balances($1, $2, $3, $4, $5, $6)',
    values: [
      arrays.text(balances.users),
      arrays.text(balances.assets),
      arrays.int8(balances.foundVersions),
      arrays.int8(balances.versions),
      arrays.numeric18(balances.available),
      arrays.numeric18(balances.held),
    ],
  };
}

export function expectAbsent(
  orderIds: readonly string[],
  trades: readonly { readonly symbol: string; readonly tradeId: string }[],
): Statement {
  return {
    name: 'expect_absent',
    text: 'SELECT ledger.expect_absent($1, $2, $3)',
    values: [
      arrays.text(orderIds),
      arrays.text(trades.map((trade) => trade.symbol)),
      arrays.text(trades.map((trade) => trade.tradeId)),
    ],
  };
}

/** The batch number, taken with every lock held. */
export const TAKE_BATCH_NUMBER: Statement = {
  name: 'take_batch_number',
  text: `SELECT nextval('ledger.batch_number')::text AS batch`,
};

/**
 * Receipts without their batch number, and what goes behind them: they wait for whoever moves one of the
 * ids into the archive, and only what is seen then is the truth of a miss.
 */
export function addReceipts(receipts: readonly NewReceipt[]): {
  readonly rows: UnnumberedCopy;
  readonly check: Statement;
} {
  return {
    rows: copyUnnumbered('batch', {
      schema: 'ledger',
      table: 'receipts',
      columns: ['command_id', 'payload_hash', 'outcome', 'reason', 'partition', 'offset', 'index', 'seq'],
      rows: receipts,
      write(to, { from, outcome, reason, index, seq }) {
        to.uuid(from.commandId);
        to.byteaLatin1(from.hash);
        to.text(outcome);
        to.text(reason);
        to.int4(from.record.partition);
        to.int8(from.record.offset);
        to.int4(index);
        to.int8(seq);
      },
    }),
    check: {
      name: 'expect_unarchived',
      text: 'SELECT ledger.expect_unarchived($1)',
      values: [arrays.uuid(receipts.map((receipt) => receipt.from.commandId))],
    },
  };
}

export function addOrders(orders: readonly Order[]): CopyStatement {
  return copyInto({
    schema: 'ledger',
    table: 'orders',
    columns: ['order_id', 'user_id', 'symbol', 'side', 'status', 'price', 'quantity', 'filled', 'hold', 'version'],
    rows: orders,
    write(to, order) {
      to.text(order.orderId);
      to.text(order.userId);
      to.text(order.symbol);
      to.text(order.side);
      to.text(order.status);
      to.numeric18(order.price);
      to.numeric18(order.quantity);
      to.numeric18(order.filled);
      to.numeric18(order.hold);
      to.int8(order.version);
    },
  });
}

export function addTrades(
  trades: readonly (NewEvent & { readonly symbol: string; readonly tradeId: string })[],
): CopyStatement {
  return copyInto({
    schema: 'ledger',
    table: 'trades',
    columns: ['symbol', 'trade_id', 'partition', 'seq'],
    rows: trades,
    write(to, { symbol, tradeId, from, seq }) {
      to.text(symbol);
      to.text(tradeId);
      to.int4(from.record.partition);
      to.int8(seq);
    },
  });
}

/** New events, in columns until their batch number is known. */
export type EventColumns = {
  readonly encoded: EventPack;
  readonly heads: EventHeads;
  readonly indexes: readonly number[];
  readonly commandIds: readonly string[];
};

export function eventColumns({ events, encoded }: Pick<Decided, 'events' | 'encoded'>): EventColumns {
  return {
    encoded,
    heads: {
      keys: events.map((event) => event.from.key),
      types: events.map((event) => event.type),
      timesMs: events.map((event) => event.from.record.timestampMs),
      traceparents: events.map(traceparentOf),
    },
    indexes: events.map((event) => event.index),
    commandIds: events.map((event) => event.from.commandId),
  };
}

function traceparentOf({ from }: NewEvent): string | null {
  return headerOf(from.record, 'traceparent')?.slice(0, TRACEPARENT_MAX) ?? null;
}

const EVENT_COLUMNS = [
  'partition',
  'seq',
  'timeline',
  'batch',
  'index',
  'type',
  'schema_id',
  'key',
  'payload',
  'command_id',
  'occurred_at',
  'traceparent',
] as const;

/** Events with the batch number, which their payload holds too. */
export function addEvents(
  { heads, indexes, commandIds }: EventColumns,
  framed: FramedEvents,
  { timeline, batch, schemaId }: EventNumbers,
): CopyStatement {
  const payloads: PackedColumn = {
    sizeOf: (at) => framed.payloadBytes(at),
    writeTo: (at, target, start) => framed.writePayloadTo(at, target, start),
  };
  return copyInto({
    schema: 'ledger',
    table: 'events',
    columns: EVENT_COLUMNS,
    rows: indexes,
    write(to, index, at) {
      to.int4(framed.partition(at));
      to.int8(framed.seq(at));
      to.int4(timeline);
      to.int8(batch);
      to.int4(index);
      to.text(heads.types[at] ?? null);
      to.int4(schemaId);
      to.text(heads.keys[at] ?? null);
      to.packed(payloads, at);
      to.uuid(commandIds[at] ?? null);
      to.timestamptzMicros((heads.timesMs[at] ?? 0) * 1_000);
      to.text(heads.traceparents[at] ?? null);
    },
  });
}

export function addConflicts(topic: string, conflicts: readonly NewConflict[]): Statement {
  return {
    text: `INSERT INTO ledger.conflicts (topic, partition, "offset", command_id, payload_hash, first_hash)
           SELECT $1, partition, "offset", command_id, payload_hash, first_hash
           FROM unnest($2::int[], $3::bigint[], $4::uuid[], $5::bytea[], $6::bytea[])
             AS made (partition, "offset", command_id, payload_hash, first_hash)
           ON CONFLICT DO NOTHING`,
    values: [
      topic,
      arrays.int4(conflicts.map((conflict) => conflict.from.record.partition)),
      arrays.int8(conflicts.map((conflict) => conflict.from.record.offset)),
      arrays.uuid(conflicts.map((conflict) => conflict.from.commandId)),
      arrays.byteaLatin1(conflicts.map((conflict) => conflict.from.hash)),
      arrays.byteaLatin1(conflicts.map((conflict) => conflict.firstHash)),
    ],
  };
}

export function addParked(topic: string, parked: readonly NewParked[]): Statement {
  return {
    text: `INSERT INTO ledger.parked (topic, partition, "offset", record_time, key, value, headers, sha256, reason, message,
                                      command_id, blocks_key)
           SELECT $1, partition, "offset", record_time, key, value, headers::jsonb, sha256(value), reason, message, command_id, blocks_key
           FROM unnest($2::int[], $3::bigint[], $4::timestamptz[], $5::bytea[], $6::bytea[], $7::text[], $8::text[], $9::text[],
                       $10::uuid[], $11::bool[])
             AS made (partition, "offset", record_time, key, value, headers, reason, message, command_id, blocks_key)
           ON CONFLICT (topic, partition, "offset") DO NOTHING`,
    values: [
      topic,
      arrays.int4(parked.map((row) => row.from.record.partition)),
      arrays.int8(parked.map((row) => row.from.record.offset)),
      arrays.timestamptzMicros(parked.map((row) => recordTimeMs(row) * 1_000)),
      arrays.bytea(parked.map((row) => row.from.record.key)),
      arrays.bytea(parked.map((row) => row.from.record.value)),
      arrays.text(parked.map((row) => headersJson(row))),
      arrays.text(parked.map((row) => row.reason)),
      arrays.text(parked.map((row) => row.message.replaceAll('\u0000', '\\u0000').slice(0, 2_000))),
      arrays.uuid(parked.map((row) => (row.from.kind === 'command' ? row.from.commandId : null))),
      arrays.bool(parked.map((row) => row.blocksKey)),
    ],
  };
}

export function addSchemas(schemas: readonly { readonly id: number; readonly schema: string }[]): Statement {
  return {
    text: `INSERT INTO ledger.schemas (id, schema) SELECT id, schema FROM unnest($1::int[], $2::text[]) AS made (id, schema)
           ON CONFLICT DO NOTHING`,
    values: [arrays.int4(schemas.map((row) => row.id)), arrays.text(schemas.map((row) => row.schema))],
  };
}

/** Headers as pairs of name and base64: they may repeat, and need not be text. */
function headersJson(row: NewParked): string {
  const pairs: [string, string][] = [];
  for (const [name, value] of Object.entries(row.from.record.headers)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    // A name that JSON in the database cannot hold loses only those characters.
    for (const each of values) pairs.push([name.replaceAll('\u0000', ''), Buffer.from(each).toString('base64')]);
  }
  return JSON.stringify(pairs);
}

/** The record's own time, as near as the column can hold it. */
function recordTimeMs(row: NewParked): number {
  return Math.min(TIMESTAMP_MS.max, Math.max(TIMESTAMP_MS.min, row.from.record.timestampMs));
}

/** An enum array goes as text: its element type has no fixed number. */
function textArray(values: readonly string[]): string {
  return `{${values.join(',')}}`;
}
