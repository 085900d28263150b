import {
  type Balance,
  type Order,
  type OrderStatus,
  REASONS,
  type Reason,
  type TradeEvent,
} from '@tradestream/trading';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import {
  readCommandBody,
  readOptionalAmount,
  readSide,
  writeCommandBody,
  writeOptionalAmount,
  writeSide,
} from './command-body.ts';

const BRANCHES = 7;
/** Two texts, two amounts of one byte and a version; and for an order three, four, two enums and a version. */
const BALANCE_BYTES_MIN = 7;
const ORDER_BYTES_MIN = 14;
/** What has its length before it: the texts and the amounts. */
const BALANCE_PARTS = 4;
const ORDER_TEXTS = 3;
const ORDER_AMOUNTS = 4;
const NONE: readonly never[] = [];
const STATUSES = ['open', 'partially_filled', 'filled', 'cancelled'] as const satisfies readonly OrderStatus[];
const KNOWN_REASONS: ReadonlySet<string> = new Set(REASONS);

/** Appends the union of the seven events; the branch numbers are the order in the schema. */
export function writeEventBody(writer: ByteWriter, event: TradeEvent): void {
  switch (event.type) {
    case 'FundsDeposited':
    case 'FundsWithdrawn':
      writer.byte(event.type === 'FundsDeposited' ? 0 : 2);
      writer.text(event.userId);
      writer.text(event.asset);
      writer.amount(event.amount);
      return writeTouched(writer, event);
    case 'OrderPlaced':
      writer.byte(4);
      writer.text(event.orderId);
      writer.text(event.userId);
      writer.text(event.symbol);
      writeSide(writer, event.side);
      writer.amount(event.price);
      writer.amount(event.quantity);
      return writeTouched(writer, event);
    case 'OrderAmended':
      writer.byte(6);
      writer.text(event.orderId);
      writer.text(event.symbol);
      writeOptionalAmount(writer, event.price);
      writeOptionalAmount(writer, event.quantity);
      return writeTouched(writer, event);
    case 'OrderCancelled':
      writer.byte(8);
      writer.text(event.orderId);
      writer.text(event.symbol);
      return writeTouched(writer, event);
    case 'TradeExecuted':
      writer.byte(10);
      writer.text(event.tradeId);
      writer.text(event.symbol);
      writer.text(event.buyOrderId);
      writer.text(event.sellOrderId);
      writer.amount(event.price);
      writer.amount(event.quantity);
      writer.long(event.executedAt);
      writer.amount(event.cost);
      return writeTouched(writer, event);
    case 'CommandRejected':
      writer.byte(12);
      writer.text(event.reason);
      return writeCommandBody(writer, event.command);
  }
}

/** Which of the values that an event leaves are read. */
export type ReadValues = 'all' | 'balances' | 'orders';

/** Reads the union of the seven events; values that are not wanted are stepped over, and absent. */
export function readEventBody(reader: ByteReader, values: ReadValues): TradeEvent {
  const branch = reader.index('event', BRANCHES);
  if (branch < 2) {
    const type = branch === 0 ? 'FundsDeposited' : 'FundsWithdrawn';
    const funds = { userId: reader.text('userId'), asset: reader.name('asset'), amount: reader.amount('amount') };
    return { type, ...funds, balances: readBalances(reader, values), orders: readOrders(reader, values) };
  }
  if (branch === 2) {
    return {
      type: 'OrderPlaced',
      orderId: reader.text('orderId'),
      userId: reader.text('userId'),
      symbol: reader.name('symbol'),
      side: readSide(reader),
      price: reader.amount('price'),
      quantity: reader.amount('quantity'),
      balances: readBalances(reader, values),
      orders: readOrders(reader, values),
    };
  }
  if (branch === 3) {
    return {
      type: 'OrderAmended',
      orderId: reader.text('orderId'),
      symbol: reader.name('symbol'),
      price: readOptionalAmount(reader, 'price'),
      quantity: readOptionalAmount(reader, 'quantity'),
      balances: readBalances(reader, values),
      orders: readOrders(reader, values),
    };
  }
  if (branch === 4) {
    return {
      type: 'OrderCancelled',
      orderId: reader.text('orderId'),
      symbol: reader.name('symbol'),
      balances: readBalances(reader, values),
      orders: readOrders(reader, values),
    };
  }
  if (branch === 5) {
    return {
      type: 'TradeExecuted',
      tradeId: reader.text('tradeId'),
      symbol: reader.name('symbol'),
      buyOrderId: reader.text('buyOrderId'),
      sellOrderId: reader.text('sellOrderId'),
      price: reader.amount('price'),
      quantity: reader.amount('quantity'),
      executedAt: reader.long('executedAt'),
      cost: reader.amount('cost'),
      balances: readBalances(reader, values),
      orders: readOrders(reader, values),
    };
  }
  return { type: 'CommandRejected', reason: readReason(reader), command: readCommandBody(reader) };
}

/** Whether a text is one of the reasons that this release knows. */
export function isReason(text: string): text is Reason {
  return KNOWN_REASONS.has(text);
}

function writeTouched(
  writer: ByteWriter,
  event: { readonly balances: readonly Balance[]; readonly orders: readonly Order[] },
): void {
  const { balances, orders } = event;
  if (balances.length > 0) {
    writer.long(balances.length);
    for (const balance of balances) writeBalance(writer, balance);
  }
  writer.byte(0);
  if (orders.length > 0) {
    writer.long(orders.length);
    for (const order of orders) writeOrder(writer, order);
  }
  writer.byte(0);
}

function writeBalance(writer: ByteWriter, balance: Balance): void {
  writer.text(balance.userId);
  writer.text(balance.asset);
  writer.amount(balance.available);
  writer.amount(balance.held);
  writer.long(balance.version);
}

function writeOrder(writer: ByteWriter, order: Order): void {
  writer.text(order.orderId);
  writer.text(order.userId);
  writer.text(order.symbol);
  writeSide(writer, order.side);
  writer.amount(order.price);
  writer.amount(order.quantity);
  writer.amount(order.filled);
  writer.amount(order.hold);
  writer.byte(STATUSES.indexOf(order.status) * 2);
  writer.long(order.version);
}

function readReason(reader: ByteReader): Reason {
  const text = reader.text('reason');
  return isReason(text) ? text : reader.refuse('reason', 'a reason that this release does not know');
}

function readBalances(reader: ByteReader, values: ReadValues): readonly Balance[] {
  if (values !== 'orders') return reader.array('balances', BALANCE_BYTES_MIN, readBalance);
  reader.array('balances', BALANCE_BYTES_MIN, skipBalance);
  return NONE;
}

function skipBalance(reader: ByteReader): void {
  for (let parts = BALANCE_PARTS; parts > 0; parts -= 1) reader.skipBytes('balances');
  reader.skipLong('balances.version');
}

function readBalance(reader: ByteReader): Balance {
  return {
    userId: reader.text('balances.userId'),
    asset: reader.name('balances.asset'),
    available: reader.amount('balances.available'),
    held: reader.amount('balances.held'),
    version: reader.long('balances.version'),
  };
}

function readOrders(reader: ByteReader, values: ReadValues): readonly Order[] {
  if (values !== 'balances') return reader.array('orders', ORDER_BYTES_MIN, readOrder);
  reader.array('orders', ORDER_BYTES_MIN, skipOrder);
  return NONE;
}

function skipOrder(reader: ByteReader): void {
  for (let parts = ORDER_TEXTS; parts > 0; parts -= 1) reader.skipBytes('orders');
  reader.skipLong('orders.side');
  for (let parts = ORDER_AMOUNTS; parts > 0; parts -= 1) reader.skipBytes('orders');
  reader.skipLong('orders.status');
  reader.skipLong('orders.version');
}

function readOrder(reader: ByteReader): Order {
  return {
    orderId: reader.text('orders.orderId'),
    userId: reader.text('orders.userId'),
    symbol: reader.name('orders.symbol'),
    side: readSide(reader),
    price: reader.amount('orders.price'),
    quantity: reader.amount('orders.quantity'),
    filled: reader.amount('orders.filled'),
    hold: reader.amount('orders.hold'),
    status: STATUSES[reader.index('orders.status', STATUSES.length)] ?? 'open',
    version: reader.long('orders.version'),
  };
}
