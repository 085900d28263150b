import { amountFromNumeric, arrays, type Session } from '@tradestream/database';
import type { Order, OrderStatus, Side, TradeCommand } from '@tradestream/trading';
import type { DecodedCommand, DecodedRecord } from '../intake/decode-record.ts';
import type { KnownReceipt } from '../state/receipt-table.ts';
import type { WorkingState } from '../state/working-state.ts';
import { addZeroBalances } from './write-statements.ts';

const ASSET = /^[A-Z0-9]{2,12}$/;

type BalanceKey = { readonly userId: string; readonly asset: string };
type OrderRow = {
  order_id: string;
  user_id: string;
  symbol: string;
  side: Side;
  status: OrderStatus;
  price: string;
  quantity: string;
  filled: string;
  hold: string;
  version: string;
};

/** Loads balances that the state lacks; one that has no row is zero with version 0. `lock` keeps them until COMMIT. */
export async function loadBalances(
  session: Session,
  state: WorkingState,
  keys: readonly BalanceKey[],
  lock: boolean,
): Promise<void> {
  if (keys.length === 0) return;
  const sorted = keys.toSorted((a, b) => (a.userId === b.userId ? order(a.asset, b.asset) : order(a.userId, b.userId)));
  if (lock) await session.query(addZeroBalances(sorted));
  const { rows } = await session.query<{
    user_id: string;
    asset: string;
    available: string;
    held: string;
    version: string;
  }>({
    name: lock ? 'lock_balances' : 'load_balances',
    text: `SELECT b.user_id, b.asset, b.available::text, b.held::text, b.version::text
           FROM unnest($1::text[], $2::text[]) AS named (user_id, asset)
           JOIN ledger.balances AS b ON b.user_id = named.user_id AND b.asset = named.asset${lock ? ' FOR NO KEY UPDATE OF b' : ''}`,
    values: [arrays.text(sorted.map((key) => key.userId)), arrays.text(sorted.map((key) => key.asset))],
  });
  for (const { userId, asset } of keys) state.loadBalance({ userId, asset, available: 0n, held: 0n, version: 0 });
  for (const row of rows) {
    state.loadBalance({
      userId: row.user_id,
      asset: row.asset,
      available: amountFromNumeric(row.available),
      held: amountFromNumeric(row.held),
      version: Number(row.version),
    });
  }
}

/** Loads orders by id, in any status; one without a row is known as absent. `lock` keeps those found until COMMIT. */
export async function loadOrders(
  session: Session,
  state: WorkingState,
  orderIds: readonly string[],
  lock: boolean,
): Promise<readonly Order[]> {
  if (orderIds.length === 0) return [];
  const { rows } = await session.query<OrderRow>({
    name: lock ? 'lock_orders' : 'load_orders',
    text: `SELECT o.order_id, o.user_id, o.symbol, o.side::text, o.status::text, o.price::text, o.quantity::text,
                  o.filled::text, o.hold::text, o.version::text
           FROM unnest($1::text[]) AS named (order_id) JOIN ledger.orders AS o ON o.order_id = named.order_id${lock ? ' FOR NO KEY UPDATE OF o' : ''}`,
    values: [arrays.text(orderIds)],
  });
  for (const id of orderIds) state.loadAbsentOrder(id);
  const orders = rows.map(orderOf);
  for (const found of orders) state.loadOrder(found);
  return orders;
}

/** Loads which trades exist; the others are known as absent. */
export async function loadTrades(
  session: Session,
  state: WorkingState,
  trades: readonly { readonly symbol: string; readonly tradeId: string }[],
): Promise<void> {
  if (trades.length === 0) return;
  const { rows } = await session.query<{ symbol: string; trade_id: string }>({
    name: 'load_trades',
    text: `SELECT t.symbol, t.trade_id FROM unnest($1::text[], $2::text[]) AS named (symbol, trade_id)
           JOIN ledger.trades AS t ON t.symbol = named.symbol AND t.trade_id = named.trade_id`,
    values: [arrays.text(trades.map((trade) => trade.symbol)), arrays.text(trades.map((trade) => trade.tradeId))],
  });
  for (const { symbol, tradeId } of trades) state.loadAbsentTrade(symbol, tradeId);
  for (const row of rows) state.loadTrade(row.symbol, row.trade_id);
}

/** The receipts that command ids already have, also those that stand in the archive. */
export async function loadReceipts(
  session: Session,
  commandIds: readonly string[],
): Promise<Map<string, KnownReceipt>> {
  const { rows } = await session.query<{
    command_id: string;
    payload_hash: Buffer;
    edited_hash: Buffer | null;
    partition: number;
    place: string;
  }>({
    name: 'load_receipts',
    text: `SELECT r.command_id, r.payload_hash, x.edited_hash, r.partition, r."offset"::text AS place
           FROM unnest($1::uuid[]) AS named (command_id) JOIN ledger.receipts AS r ON r.command_id = named.command_id
           LEFT JOIN ledger.edits AS x ON x.command_id = r.command_id
           UNION ALL
           SELECT r.command_id, r.payload_hash, (SELECT edited_hash FROM ledger.edits AS x WHERE x.command_id = r.command_id),
                  r.partition, r."offset"::text
           FROM unnest($1::uuid[]) AS named (command_id) JOIN ledger.receipt_archive AS r ON r.command_id = named.command_id
           WHERE (SELECT EXISTS (SELECT FROM ledger.retention WHERE archived_seq > 0 OR discarded))`,
    values: [arrays.uuid(commandIds)],
  });
  return new Map(
    rows.map((row) => [
      row.command_id,
      {
        hash: row.payload_hash.toString('latin1'),
        ...(row.edited_hash === null ? {} : { editedHash: row.edited_hash.toString('latin1') }),
        partition: row.partition,
        offset: Number(row.place),
      },
    ]),
  );
}

/**
 * Loads afresh all that a batch names, orders and then balances locked, inside the transaction that will write it:
 * the careful way, for a batch whose kept values were wrong. Returns the receipts found.
 */
export async function loadLocked(
  session: Session,
  state: WorkingState,
  batch: { readonly decoded: readonly DecodedRecord[]; readonly toDecide: readonly DecodedCommand[] },
): Promise<Map<string, KnownReceipt>> {
  const ids = batch.decoded.flatMap((record) => (record.kind === 'command' ? [record.commandId] : []));
  const receipts = await loadReceipts(session, [...new Set(ids)].toSorted());
  // What has its receipt touches nothing, not even by a row of zero.
  await loadNamed(
    session,
    state,
    batch.toDecide.filter((from) => !receipts.has(from.commandId)),
  );
  return receipts;
}

/** Loads afresh all that commands name, orders and then balances locked. */
export async function loadNamed(
  session: Session,
  state: WorkingState,
  commands: readonly DecodedCommand[],
): Promise<void> {
  const [orders] = await Promise.all([
    loadOrders(session, state, [...new Set(commands.flatMap((from) => orderIdsOf(from.command)))].toSorted(), true),
    loadTrades(session, state, tradesOf(commands)),
  ]);
  const owners = new Map<string, Pick<Order, 'userId' | 'symbol'>[]>();
  const note = (orderId: string, owner: Pick<Order, 'userId' | 'symbol'>) => {
    const known = owners.get(orderId);
    if (known === undefined) owners.set(orderId, [owner]);
    else known.push(owner);
  };
  for (const found of orders) note(found.orderId, found);
  for (const { command } of commands) if (command.type === 'PlaceOrder') note(command.orderId, command);
  await loadBalances(session, state, balancesOf(commands, owners), true);
}

function orderIdsOf(command: TradeCommand): readonly string[] {
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return [];
    case 'PlaceOrder':
    case 'AmendOrder':
    case 'CancelOrder':
      return [command.orderId];
    case 'ExecuteTrade':
      return [command.buyOrderId, command.sellOrderId];
  }
}

function tradesOf(
  commands: readonly DecodedCommand[],
): readonly { readonly symbol: string; readonly tradeId: string }[] {
  return commands.flatMap(({ command }) => (command.type === 'ExecuteTrade' ? [command] : []));
}

/** Every balance that the commands can touch: directly, or through the owners of the orders they name. */
function balancesOf(
  commands: readonly DecodedCommand[],
  owners: ReadonlyMap<string, readonly Pick<Order, 'userId' | 'symbol'>[]>,
): readonly BalanceKey[] {
  const keys = new Map<string, BalanceKey>();
  const add = (userId: string, asset: string | undefined) => {
    if (asset !== undefined && ASSET.test(asset)) keys.set(`${userId}\u0000${asset}`, { userId, asset });
  };
  for (const { command } of commands) {
    if (command.type === 'DepositFunds' || command.type === 'WithdrawFunds') add(command.userId, command.asset);
    for (const orderId of orderIdsOf(command)) {
      for (const { userId, symbol } of owners.get(orderId) ?? []) {
        const [base, quote] = symbol.split('-');
        add(userId, base);
        add(userId, quote);
      }
    }
  }
  return [...keys.values()];
}

function orderOf(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    userId: row.user_id,
    symbol: row.symbol,
    side: row.side,
    status: row.status,
    price: amountFromNumeric(row.price),
    quantity: amountFromNumeric(row.quantity),
    filled: amountFromNumeric(row.filled),
    hold: amountFromNumeric(row.hold),
    version: Number(row.version),
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
