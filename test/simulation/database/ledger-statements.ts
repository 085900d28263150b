import { DatabaseError } from '@tradestream/database';
import { archiveStatements } from './archive-statements.ts';
import { type CopiedRow, columns, eachCopied, numericText, plainArray } from './columns.ts';
import {
  type BalanceRow,
  type EventRow,
  type LedgerTables,
  type OrderRow,
  pair,
  type ReceiptRow,
} from './ledger-tables.ts';
import { parkedStatements } from './parked-statements.ts';
import { partitionStatements } from './partition-statements.ts';
import { releaseStatements } from './release-statements.ts';
import type { RunStatement, Statements } from './statement.ts';
import type { Transaction } from './table.ts';

const AMOUNT_LIMIT = 10n ** 38n;
const NO_ROWS: readonly object[] = [];

/** A balance that the server refuses, as it would a value out of range: such a command always fails. */
const CURSED_ASSET = 'ETH';
export const CURSED_USER = 'cursed';

/** What the worker's SQL says, on tables in memory. */
export function ledgerStatements(ledger: LedgerTables): Statements {
  const parts = [partitionStatements(ledger), releaseStatements(ledger), archiveStatements(ledger)];
  return {
    named: Object.assign({}, ...parts.map(({ named }) => named), writing(ledger), loading(ledger)),
    unnamed: [...parts.flatMap(({ unnamed }) => unnamed), ...parkedStatements(ledger), ...seldom(ledger)],
  };
}

function writing(ledger: LedgerTables): Readonly<Record<string, RunStatement>> {
  return {
    add_zero_balances: (_, tx, [users, assets]) => {
      each(columns.text(users), columns.text(assets), (userId, asset) =>
        ledger.balances.add(tx, pair(userId, asset), { userId, asset, available: 0n, held: 0n, version: 0 }),
      );
      return NO_ROWS;
    },
    write_orders: (_, tx, values) => writeOrders(ledger, tx, values),
    write_balances: (_, tx, values) => writeBalances(ledger, tx, values),
    expect_absent: (_, tx, [orderIds, symbols, tradeIds]) => {
      const order = columns.text(orderIds).some((id) => ledger.orders.read(tx, id) !== undefined);
      const names = columns.text(tradeIds);
      const trade = columns
        .text(symbols)
        .some((symbol, index) => ledger.trades.read(tx, pair(symbol, names[index] ?? '')));
      if (order || trade) throw new DatabaseError('TS003');
      return NO_ROWS;
    },
    take_batch_number: (host) => [{ batch: String(host.nextBatch()) }],
    copy_ledger_receipts: (_, tx, [rows]) => {
      for (const receipt of copiedReceipts(rows)) ledger.receipts.insert(tx, receipt.commandId, receipt);
      return NO_ROWS;
    },
    copy_ledger_orders: (_, tx, [rows]) => {
      eachCopied(rows, (row) => {
        const order: OrderRow = {
          orderId: row.text(),
          userId: row.text(),
          symbol: row.text(),
          side: row.text() as OrderRow['side'], // the worker's own values come back as they went
          status: row.text() as OrderRow['status'],
          price: row.amount(),
          quantity: row.amount(),
          filled: row.amount(),
          hold: row.amount(),
          version: row.int8(),
        };
        checkOrder(order);
        ledger.orders.insert(tx, order.orderId, order);
      });
      return NO_ROWS;
    },
    copy_ledger_trades: (_, tx, [rows]) => {
      eachCopied(rows, (row) => {
        const key = pair(row.text(), row.text());
        ledger.trades.insert(tx, key, { partition: row.int4(), seq: row.int8() });
      });
      return NO_ROWS;
    },
    copy_ledger_events: (_, tx, [rows]) => {
      eachCopied(rows, (row) => addEvent(ledger, tx, row));
      return NO_ROWS;
    },
  };
}

export function copiedReceipts(rows: unknown): readonly ReceiptRow[] {
  const receipts: ReceiptRow[] = [];
  eachCopied(rows, (row) => {
    receipts.push({
      batch: row.int8(),
      commandId: row.uuid(),
      hash: row.bytes(),
      outcome: row.text(),
      reason: row.textOrNull(),
      partition: row.int4(),
      offset: row.int8(),
      index: row.int4(),
      seq: row.int8OrNull(),
    });
  });
  return receipts;
}

function writeOrders(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [from, to] = [columns.number(values[1]), columns.number(values[2])];
  const [prices, quantities, filleds, holds] = values.slice(3, 7).map(columns.amount);
  const statuses = plainArray(values[7]);
  const ids = columns.text(values[0]);
  let written = 0;
  for (const [at, orderId] of ids.entries()) {
    const row = ledger.orders.lockWhere(tx, orderId, ({ version }) => version === from[at]);
    if (row === undefined) continue;
    written += 1;
    const changed: OrderRow = {
      ...row,
      price: prices?.[at] ?? 0n,
      quantity: quantities?.[at] ?? 0n,
      filled: filleds?.[at] ?? 0n,
      hold: holds?.[at] ?? 0n,
      status: statuses[at] as OrderRow['status'],
      version: to[at] ?? 0,
    };
    checkOrder(changed);
    ledger.orders.write(tx, orderId, changed);
  }
  if (written < ids.length) throw new DatabaseError('TS003');
  return NO_ROWS;
}

function writeBalances(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [assets, from, to] = [columns.text(values[1]), columns.number(values[2]), columns.number(values[3])];
  const [availables, helds] = [columns.amount(values[4]), columns.amount(values[5])];
  const users = columns.text(values[0]);
  let written = 0;
  for (const [at, userId] of users.entries()) {
    const asset = assets[at] ?? '';
    if (ledger.isCursed && userId === CURSED_USER && asset === CURSED_ASSET) throw new DatabaseError('22003');
    const row = ledger.balances.lockWhere(tx, pair(userId, asset), ({ version }) => version === from[at]);
    if (row === undefined) continue;
    written += 1;
    const [available = 0n, held = 0n] = [availables[at], helds[at]];
    checkRange(available, held);
    if (available < 0n || held < 0n || available + held >= AMOUNT_LIMIT) {
      throw new DatabaseError('23514', { context: { table: 'balances' } });
    }
    ledger.balances.write(tx, pair(userId, asset), { userId, asset, available, held, version: to[at] ?? 0 });
  }
  if (written < users.length) throw new DatabaseError('TS003');
  return NO_ROWS;
}

function checkOrder({ price, quantity, filled, hold }: OrderRow): void {
  checkRange(price, quantity, filled, hold);
  if (price <= 0n || quantity <= 0n || filled < 0n || filled > quantity || hold < 0n) {
    throw new DatabaseError('23514', { context: { table: 'orders' } });
  }
}

/** What NUMERIC(38, 18) holds. */
function checkRange(...amounts: readonly bigint[]): void {
  if (amounts.some((amount) => amount >= AMOUNT_LIMIT || amount <= -AMOUNT_LIMIT)) throw new DatabaseError('22003');
}

function addEvent(ledger: LedgerTables, tx: Transaction, row: CopiedRow): void {
  const event: EventRow = {
    partition: row.int4(),
    seq: row.int8(),
    timeline: row.int4(),
    batch: row.int8(),
    index: row.int4(),
    type: row.text(),
    schemaId: row.int4(),
    key: row.text(),
    payload: row.bytes(),
    commandId: row.uuid(),
    occurredAt: row.time(),
    traceparent: row.textOrNull(),
  };
  ledger.events.insert(tx, pair(event.partition, event.seq), event);
}

function loading(ledger: LedgerTables): Readonly<Record<string, RunStatement>> {
  const balances =
    (locks: boolean): RunStatement =>
    (_, tx, [users, assets]) => {
      const found: object[] = [];
      each(columns.text(users), columns.text(assets), (userId, asset) => {
        const row = readOrLock(ledger.balances, { tx, key: pair(userId, asset), locks });
        if (row !== undefined) found.push(balanceAnswer(row));
      });
      return found;
    };
  const orders =
    (locks: boolean): RunStatement =>
    (_, tx, [ids]) =>
      columns.text(ids).flatMap((key) => {
        const row = readOrLock(ledger.orders, { tx, key, locks });
        return row === undefined ? [] : [orderAnswer(row)];
      });
  return {
    load_balances: balances(false),
    lock_balances: balances(true),
    load_orders: orders(false),
    lock_orders: orders(true),
    load_trades: (_, tx, [symbols, tradeIds]) => {
      const ids = columns.text(tradeIds);
      return columns.text(symbols).flatMap((symbol, at) => {
        const trade_id = ids[at] ?? '';
        return ledger.trades.read(tx, pair(symbol, trade_id)) === undefined ? [] : [{ symbol, trade_id }];
      });
    },
    load_events: (_, tx, [partition, after, last, count]) =>
      eventsBetween(ledger, tx, { partition, from: Number(after) + 1, to: Number(last), count }).map((row) => ({
        seq: String(row.seq),
        key: row.key,
        type: row.type,
        schema_id: row.schemaId,
        payload: row.payload,
        timeline: row.timeline,
        occurred_at: String(Math.floor(row.occurredAt / 1_000)),
        traceparent: row.traceparent,
      })),
  };
}

/** What a worker seldom asks, and the projector's look into the ledger. */
function seldom(ledger: LedgerTables): Statements['unnamed'] {
  return [
    ['pg_walfile_name', (host) => [{ file: `${host.timeline.toString(16).padStart(8, '0')}0000000000000001` }]],
    ['INSERT INTO ledger.conflicts', (_, tx, values) => addConflicts(ledger, tx, values)],
    ['INSERT INTO ledger.deadlocks', () => NO_ROWS],
    [
      'INSERT INTO ledger.schemas',
      (_, tx, [ids, schemas]) => {
        const texts = columns.text(schemas);
        for (const [at, id] of columns.number(ids).entries()) {
          ledger.schemas.add(tx, String(id), { id, schema: texts[at] ?? '' });
        }
        return NO_ROWS;
      },
    ],
    [
      'FROM ledger.schemas WHERE',
      (_, tx, [ids]) => (Array.isArray(ids) ? ids : []).flatMap((id) => ledger.schemas.read(tx, String(id)) ?? []),
    ],
    [
      'SELECT schema_id, payload FROM ledger.events',
      (_, tx, [partition, after, before]) =>
        eventsBetween(ledger, tx, { partition, from: Number(after) + 1, to: Number(before) - 1 }).map(
          ({ schemaId: schema_id, payload }) => ({ schema_id, payload }),
        ),
    ],
  ];
}

function addConflicts(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [offsets, ids] = [columns.number(values[2]), columns.text(values[3])];
  const [hashes, firstHashes] = [columns.bytes(values[4]), columns.bytes(values[5])];
  for (const [at, partition] of columns.number(values[1]).entries()) {
    const offset = offsets[at] ?? -1;
    ledger.conflicts.add(tx, pair(partition, offset), {
      partition,
      offset,
      commandId: ids[at] ?? '',
      hash: hashes[at] ?? Buffer.alloc(0),
      firstHash: firstHashes[at] ?? Buffer.alloc(0),
    });
  }
  return NO_ROWS;
}

function eventsBetween(
  ledger: LedgerTables,
  tx: Transaction,
  range: { readonly partition: unknown; readonly from: number; readonly to: number; readonly count?: unknown },
): readonly EventRow[] {
  const rows: EventRow[] = [];
  const count = Number(range.count ?? Number.POSITIVE_INFINITY);
  for (let seq = range.from; seq <= range.to && rows.length < count; seq += 1) {
    const row = ledger.events.read(tx, pair(Number(range.partition), seq));
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

function readOrLock<Row>(
  table: { read(tx: Transaction, key: string): Row | undefined; lock(tx: Transaction, key: string): Row | undefined },
  { tx, key, locks }: { readonly tx: Transaction; readonly key: string; readonly locks: boolean },
): Row | undefined {
  // A lock on an absent row locks nothing.
  return table.read(tx, key) === undefined || !locks ? table.read(tx, key) : table.lock(tx, key);
}

function balanceAnswer({ userId, asset, available, held, version }: BalanceRow): object {
  return {
    user_id: userId,
    asset,
    available: numericText(available),
    held: numericText(held),
    version: String(version),
  };
}

function orderAnswer(row: OrderRow): object {
  return {
    order_id: row.orderId,
    user_id: row.userId,
    symbol: row.symbol,
    side: row.side,
    status: row.status,
    price: numericText(row.price),
    quantity: numericText(row.quantity),
    filled: numericText(row.filled),
    hold: numericText(row.hold),
    version: String(row.version),
  };
}

function each(
  firsts: readonly string[],
  seconds: readonly string[],
  run: (first: string, second: string) => void,
): void {
  for (const [index, first] of firsts.entries()) run(first, seconds[index] ?? '');
}
