import type { Side, TradeCommand } from '@tradestream/trading';
import type { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

const BRANCHES = 6;
const SIDES = ['buy', 'sell'] as const;

/** Appends the union of the six commands; the branch numbers are the order in the schema. */
export function writeCommandBody(writer: ByteWriter, command: TradeCommand): void {
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      writer.byte(command.type === 'DepositFunds' ? 0 : 2);
      writer.text(command.userId);
      writer.text(command.asset);
      writer.amount(command.amount);
      return;
    case 'PlaceOrder':
      writer.byte(4);
      writer.text(command.orderId);
      writer.text(command.userId);
      writer.text(command.symbol);
      writeSide(writer, command.side);
      writer.amount(command.price);
      writer.amount(command.quantity);
      return;
    case 'AmendOrder':
      writer.byte(6);
      writer.text(command.orderId);
      writer.text(command.symbol);
      writeOptionalAmount(writer, command.price);
      writeOptionalAmount(writer, command.quantity);
      return;
    case 'CancelOrder':
      writer.byte(8);
      writer.text(command.orderId);
      writer.text(command.symbol);
      return;
    case 'ExecuteTrade':
      writer.byte(10);
      writer.text(command.tradeId);
      writer.text(command.symbol);
      writer.text(command.buyOrderId);
      writer.text(command.sellOrderId);
      writer.amount(command.price);
      writer.amount(command.quantity);
      writer.long(command.executedAt);
      return;
  }
}

/** Reads the union of the six commands. */
export function readCommandBody(reader: ByteReader): TradeCommand {
  const branch = reader.index('command', BRANCHES);
  if (branch < 2) {
    const type = branch === 0 ? 'DepositFunds' : 'WithdrawFunds';
    return { type, userId: reader.text('userId'), asset: reader.name('asset'), amount: reader.amount('amount') };
  }
  if (branch === 2) {
    return {
      type: 'PlaceOrder',
      orderId: reader.text('orderId'),
      userId: reader.text('userId'),
      symbol: reader.name('symbol'),
      side: readSide(reader),
      price: reader.amount('price'),
      quantity: reader.amount('quantity'),
    };
  }
  if (branch === 3) {
    return {
      type: 'AmendOrder',
      orderId: reader.text('orderId'),
      symbol: reader.name('symbol'),
      price: readOptionalAmount(reader, 'price'),
      quantity: readOptionalAmount(reader, 'quantity'),
    };
  }
  if (branch === 4) return { type: 'CancelOrder', orderId: reader.text('orderId'), symbol: reader.name('symbol') };
  return {
    type: 'ExecuteTrade',
    tradeId: reader.text('tradeId'),
    symbol: reader.name('symbol'),
    buyOrderId: reader.text('buyOrderId'),
    sellOrderId: reader.text('sellOrderId'),
    price: reader.amount('price'),
    quantity: reader.amount('quantity'),
    executedAt: reader.long('executedAt'),
  };
}

export function writeSide(writer: ByteWriter, side: Side): void {
  writer.byte(side === 'buy' ? 0 : 2);
}

export function readSide(reader: ByteReader): Side {
  return SIDES[reader.index('side', SIDES.length)] ?? 'buy';
}

export function writeOptionalAmount(writer: ByteWriter, amount: bigint | null): void {
  writer.byte(amount === null ? 0 : 2);
  if (amount !== null) writer.amount(amount);
}

export function readOptionalAmount(reader: ByteReader, field: string): bigint | null {
  return reader.index(field, 2) === 0 ? null : reader.amount(field);
}
