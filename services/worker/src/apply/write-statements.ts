import type { EventPack } from '@tradestream/contracts';
import { arrays, type Statement } from '@tradestream/database';
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
 * The second statement goes behind the insert, which waits for whoever moves one of the ids into the
 * archive: only what it sees then is the truth of a miss.
 */
export function addReceipts(receipts: readonly NewReceipt[]): readonly Statement[] {
  const commandIds = arrays.uuid(receipts.map((receipt) => receipt.from.commandId));
  return [
    {
      name: 'add_receipts',
      text: `INSERT INTO ledger.receipts (command_id, payload_hash, outcome, reason, partition, "offset", batch, index, seq)
           SELECT command_id, payload_hash, outcome::ledger.outcome, reason, partition, "offset",
                  (SELECT currval('ledger.batch_number')), index, seq
           FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::bigint[])
             AS made (command_id, payload_hash, outcome, reason, partition, "offset", index, seq)`,
      values: [
        commandIds,
        arrays.byteaLatin1(receipts.map((receipt) => receipt.from.hash)),
        arrays.text(receipts.map((receipt) => receipt.outcome)),
        arrays.text(receipts.map((receipt) => receipt.reason)),
        arrays.int4(receipts.map((receipt) => receipt.from.record.partition)),
        arrays.int8(receipts.map((receipt) => receipt.from.record.offset)),
        arrays.int4(receipts.map((receipt) => receipt.index)),
        arrays.int8(receipts.map((receipt) => receipt.seq)),
      ],
    },
    { name: 'expect_unarchived', text: 'SELECT ledger.expect_unarchived($1)', values: [commandIds] },
  ];
}

export function addOrders(orders: readonly Order[]): Statement {
  return {
    name: 'add_orders',
    text: `INSERT INTO ledger.orders (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)
           SELECT order_id, user_id, symbol, side::ledger.side, status::ledger.order_status, price, quantity, filled, hold, version
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::numeric[],
                       $9::numeric[], $10::bigint[])
             AS made (order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)`,
    values: [
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
    ],
  };
}

export function addTrades(
  events: readonly (NewEvent & { readonly symbol: string; readonly tradeId: string })[],
): Statement {
  return {
    name: 'add_trades',
    text: `INSERT INTO ledger.trades (symbol, trade_id, partition, seq)
           SELECT symbol, trade_id, partition, seq
           FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) AS made (symbol, trade_id, partition, seq)`,
    values: [
      arrays.text(events.map((event) => event.symbol)),
      arrays.text(events.map((event) => event.tradeId)),
      arrays.int4(events.map((event) => event.from.record.partition)),
      arrays.int8(events.map((event) => event.seq)),
    ],
  };
}

/** Columns of new events; what holds the timeline waits for it. */
export type EventColumns = {
  readonly encoded: EventPack;
  readonly heads: EventHeads;
  readonly partition: Buffer;
  readonly seq: Buffer;
  readonly index: Buffer;
  readonly type: Buffer;
  readonly key: Buffer;
  readonly tail: Buffer;
  readonly commandId: Buffer;
  readonly occurredAt: Buffer;
  readonly traceparent: Buffer;
};

export function eventColumns({ events, encoded }: Pick<Decided, 'events' | 'encoded'>): EventColumns {
  const heads = {
    keys: events.map((event) => event.from.key),
    types: events.map((event) => event.type),
    timesMs: events.map((event) => event.from.record.timestampMs),
    traceparents: events.map(traceparentOf),
  };
  const tails = encoded.tails();
  return {
    encoded,
    heads,
    partition: arrays.int4(events.map((event) => event.from.record.partition)),
    seq: arrays.int8(events.map((event) => event.seq)),
    index: arrays.int4(events.map((event) => event.index)),
    type: arrays.text(heads.types),
    key: arrays.text(heads.keys),
    tail: arrays.byteaPacked(tails.count, tails.bytes),
    commandId: arrays.uuid(events.map((event) => event.from.commandId)),
    occurredAt: arrays.timestamptzMicros(heads.timesMs.map((timeMs) => timeMs * 1_000)),
    traceparent: arrays.text(heads.traceparents),
  };
}

function traceparentOf({ from }: NewEvent): string | null {
  return headerOf(from.record, 'traceparent')?.slice(0, TRACEPARENT_MAX) ?? null;
}

/** Events with the batch number, which their payload holds too: the server puts it in between. */
export function addEvents(
  columns: EventColumns,
  { timeline, schemaId }: { readonly timeline: number; readonly schemaId: number },
): Statement {
  const { encoded, partition, seq, index, type, key, tail, commandId, occurredAt, traceparent } = columns;
  const heads = encoded.heads(timeline);
  const head = arrays.byteaPacked(heads.count, heads.bytes);
  return {
    name: 'add_events',
    text: `INSERT INTO ledger.events (partition, seq, timeline, batch, index, type, schema_id, key, payload, command_id, occurred_at,
                                      traceparent)
           SELECT partition, seq, $8::int, (SELECT currval('ledger.batch_number')), index, type, $9::int, key,
                  head || (SELECT ledger.avro_long(currval('ledger.batch_number'))) || tail, command_id, occurred_at, traceparent
           FROM unnest($1::int[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::bytea[], $7::bytea[], $10::uuid[],
                       $11::timestamptz[], $12::text[])
             AS made (partition, seq, index, type, key, head, tail, command_id, occurred_at, traceparent)`,
    values: [partition, seq, index, type, key, head, tail, timeline, schemaId, commandId, occurredAt, traceparent],
  };
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
