import { DatabaseError } from '@tradestream/database';
import { divideHalfUp18, parseAmount } from '@tradestream/trading';
import { columns } from './columns.ts';
import { type OrderRow, pair } from './ledger-tables.ts';
import type { Statements } from './statement.ts';
import type { Transaction } from './table.ts';
import type { CandleViewRow, OrderViewRow, ViewTables } from './view-tables.ts';

const NO_ROWS: readonly object[] = [];
const LIVE_VERSION = 1;

/** What the projector's SQL says, on tables in memory. */
export function viewStatements(views: ViewTables): Statements {
  return {
    named: {
      move_positions: (_, tx, values) => movePositions(views, tx, values),
      upsert_balances: (_, tx, values) => upsertBalances(views, tx, values),
      revise_balances: (_, tx, values) => upsertBalances(views, tx, values),
      upsert_orders: (_, tx, values) => upsertOrders(views, tx, values),
      revise_orders: (_, tx, values) => upsertOrders(views, tx, values),
      upsert_trades: (_, tx, values) => upsertTrades(views, tx, values),
      upsert_candles: (_, tx, values) => upsertCandles(views, tx, values),
      insert_fills: (_, tx, values) => insertFills(views, tx, values),
    },
    unnamed: [
      [
        'INSERT INTO views.positions',
        (_, tx, [names, partitions]) => {
          for (const projection of columns.text(names)) {
            for (const partition of columns.number(partitions)) {
              const row = { projection, partition, seq: 0, nextOffset: 0, timeline: 0 };
              views.positions.add(tx, pair(projection, partition), row);
            }
          }
          return NO_ROWS;
        },
      ],
      [
        'FROM views.positions',
        (_, tx, [names, partitions]) => {
          const wanted = columns.number(partitions);
          return columns.text(names).flatMap((projection) =>
            wanted.flatMap((partition) => {
              const row = views.positions.read(tx, pair(projection, partition));
              if (row === undefined) return [];
              const { seq, nextOffset, timeline } = row;
              return [
                {
                  projection,
                  version: LIVE_VERSION,
                  partition,
                  seq: String(seq),
                  next_offset: String(nextOffset),
                  timeline,
                },
              ];
            }),
          );
        },
      ],
    ],
  };
}

function movePositions(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [versions, partitions] = [columns.number(values[1]), columns.number(values[2])];
  const [fromSeqs, fromOffsets, toSeqs, toOffsets, timelines] = values.slice(3).map(columns.number);
  const moves = columns
    .text(values[0])
    .map((projection, at) => ({ at, projection, partition: partitions[at] ?? -1 }))
    .toSorted((a, b) =>
      a.projection < b.projection ? -1 : a.projection > b.projection ? 1 : a.partition - b.partition,
    );
  // Nothing is ever built beside the version that is read.
  const locked = moves.map(({ at, projection, partition }) =>
    views.positions.lockWhere(tx, pair(projection, partition), () => versions[at] === LIVE_VERSION),
  );
  for (const [order, { at, projection, partition }] of moves.entries()) {
    const row = locked[order];
    if (row === undefined || row.seq !== fromSeqs?.[at] || row.nextOffset !== fromOffsets?.[at]) {
      throw new DatabaseError('TS002');
    }
    const [seq = -1, nextOffset = -1, timeline = -1] = [toSeqs?.[at], toOffsets?.[at], timelines?.[at]];
    views.positions.write(tx, pair(projection, partition), { projection, partition, seq, nextOffset, timeline });
  }
  return NO_ROWS;
}

function upsertBalances(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const assets = columns.text(values[1]);
  const [availables, helds, versions] = [
    columns.amount(values[2]),
    columns.amount(values[3]),
    columns.number(values[4]),
  ];
  for (const [at, userId] of columns.text(values[0]).entries()) {
    const asset = assets[at] ?? '';
    const [available = 0n, held = 0n, version = 0] = [availables[at], helds[at], versions[at]];
    if (available < 0n || held < 0n) throw new DatabaseError('23514', { context: { table: 'balances' } });
    const known = views.balances.lock(tx, pair(userId, asset));
    if (known !== undefined && known.version >= version) continue;
    views.balances.write(tx, pair(userId, asset), { userId, asset, available, held, version });
  }
  return NO_ROWS;
}

function upsertOrders(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [users, symbols, sides] = values.slice(1, 4).map(columns.text);
  const [prices, quantities, filleds, holds] = values.slice(4, 8).map(columns.amount);
  const statuses = columns.text(values[8]);
  const [placed, updated, versions, firsts] = values.slice(9, 13).map(columns.number);
  for (const [at, orderId] of columns.text(values[0]).entries()) {
    const row: OrderViewRow = {
      orderId,
      userId: users?.[at] ?? '',
      symbol: symbols?.[at] ?? '',
      side: sides?.[at] as OrderRow['side'], // the projector's own values come back as they went
      status: statuses[at] as OrderRow['status'],
      price: prices?.[at] ?? 0n,
      quantity: quantities?.[at] ?? 0n,
      filled: filleds?.[at] ?? 0n,
      hold: holds?.[at] ?? 0n,
      version: versions?.[at] ?? 0,
      placedAt: placed?.[at] ?? 0,
      updatedAt: updated?.[at] ?? 0,
      firstVersion: firsts?.[at] ?? 0,
    };
    const known = views.orders.lock(tx, orderId);
    if (known === undefined) {
      views.orders.write(tx, orderId, row);
      continue;
    }
    if (known.version >= row.version && row.firstVersion >= known.firstVersion) continue;
    const newer = row.version > known.version ? row : known;
    const first = row.firstVersion < known.firstVersion ? row : known;
    views.orders.write(tx, orderId, { ...newer, placedAt: first.placedAt, firstVersion: first.firstVersion });
  }
  return NO_ROWS;
}

function upsertTrades(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [users, symbols, sides] = values.slice(1, 4).map(columns.text);
  const times = columns.number(values[4]);
  const prices = columns.amount(values[5]);
  const [quantities, costs] = [columns.text(values[6]).map(sumOf), columns.text(values[7]).map(sumOf)];
  for (const [at, orderId] of columns.text(values[0]).entries()) {
    const known = views.trades.lock(tx, orderId);
    const [quantity = 0n, cost = 0n] = [quantities[at], costs[at]];
    const sums = { quantity: quantity + (known?.quantity ?? 0n), cost: cost + (known?.cost ?? 0n) };
    views.trades.write(tx, orderId, {
      orderId,
      userId: users?.[at] ?? '',
      symbol: symbols?.[at] ?? '',
      side: sides?.[at] ?? '',
      ...sums,
      price: known === undefined ? (prices[at] ?? 0n) : divideHalfUp18(sums.cost, sums.quantity),
      timestamp: Math.max(times[at] ?? 0, known?.timestamp ?? 0),
    });
  }
  return NO_ROWS;
}

function insertFills(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [orderIds, users, symbols, sides] = values.slice(1, 5).map(columns.text);
  const [prices, quantities, costs] = values.slice(5, 8).map(columns.amount);
  const times = columns.number(values[8]);
  for (const [at, tradeId] of columns.text(values[0]).entries()) {
    const [symbol = '', side = ''] = [symbols?.[at], sides?.[at]];
    views.fills.insert(tx, `${pair(symbol, tradeId)}|${side}`, {
      tradeId,
      orderId: orderIds?.[at] ?? '',
      userId: users?.[at] ?? '',
      symbol,
      side,
      price: prices?.[at] ?? 0n,
      quantity: quantities?.[at] ?? 0n,
      cost: costs?.[at] ?? 0n,
      timestamp: times[at] ?? 0,
    });
  }
  return NO_ROWS;
}

function upsertCandles(views: ViewTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const minutes = columns.number(values[1]);
  const [opens, highs, lows, closes] = values.slice(2, 6).map(columns.amount);
  const [counts, at1, partition1, seq1, at2, partition2, seq2] = values.slice(6, 13).map(columns.number);
  const [volumes, quotes] = [columns.text(values[13]).map(sumOf), columns.text(values[14]).map(sumOf)];
  for (const [at, symbol] of columns.text(values[0]).entries()) {
    const minute = minutes[at] ?? 0;
    const made: CandleViewRow = {
      symbol,
      minute,
      open: opens?.[at] ?? 0n,
      high: highs?.[at] ?? 0n,
      low: lows?.[at] ?? 0n,
      close: closes?.[at] ?? 0n,
      volume: volumes[at] ?? 0n,
      quoteVolume: quotes[at] ?? 0n,
      count: counts?.[at] ?? 0,
      opened: [at1?.[at] ?? 0, partition1?.[at] ?? 0, seq1?.[at] ?? 0],
      closed: [at2?.[at] ?? 0, partition2?.[at] ?? 0, seq2?.[at] ?? 0],
    };
    const known = views.candles.lock(tx, pair(symbol, minute));
    views.candles.write(tx, pair(symbol, minute), known === undefined ? made : joined(known, made));
  }
  return NO_ROWS;
}

function joined(known: CandleViewRow, made: CandleViewRow): CandleViewRow {
  const first = comparePlaces(made.opened, known.opened) < 0 ? made : known;
  const last = comparePlaces(made.closed, known.closed) > 0 ? made : known;
  return {
    symbol: known.symbol,
    minute: known.minute,
    open: first.open,
    opened: first.opened,
    close: last.close,
    closed: last.closed,
    high: made.high > known.high ? made.high : known.high,
    low: made.low < known.low ? made.low : known.low,
    volume: known.volume + made.volume,
    quoteVolume: known.quoteVolume + made.quoteVolume,
    count: known.count + made.count,
  };
}

/** A sum, as text that is to be cast. */
function sumOf(text: string): bigint {
  return parseAmount(text) ?? 0n;
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value - (b[index] ?? 0);
  return 0;
}
