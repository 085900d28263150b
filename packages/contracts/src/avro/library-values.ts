import {
  type Amount,
  type Balance,
  type EventEnvelope,
  isAmount,
  type Order,
  type TradeCommand,
  type TradeEvent,
} from '@tradestream/trading';
import { ContractError } from '../errors.ts';
import type * as commands from '../generated/trade-command.ts';
import type * as events from '../generated/trade-event.ts';
import type { CommandMessage } from './command-message.ts';
import { isReason } from './event-body.ts';

/*
 * From the values of the Avro library to ours. Written against the generated types: a schema and a
 * domain type that part do not compile. Numbers are exact bigints there and are narrowed here.
 */

export function commandMessageOf(value: commands.TradeCommand): CommandMessage {
  return {
    commandId: value.commandId === null ? null : value.commandId.string,
    command: commandOf(value.command),
  };
}

export function eventEnvelopeOf(value: events.TradeEvent): EventEnvelope {
  return {
    partition: value.partition,
    seq: numberOf(value.seq, 'seq'),
    timeline: value.timeline,
    batch: numberOf(value.batch, 'batch'),
    commandId: value.commandId,
    occurredAt: numberOf(value.occurredAt, 'occurredAt'),
    event: eventOf(value.event),
  };
}

function commandOf(union: commands.TradeCommand['command']): TradeCommand {
  if ('tradestream.DepositFunds' in union) {
    return { type: 'DepositFunds', ...fundsOf(union['tradestream.DepositFunds']) };
  }
  if ('tradestream.WithdrawFunds' in union) {
    return { type: 'WithdrawFunds', ...fundsOf(union['tradestream.WithdrawFunds']) };
  }
  if ('tradestream.PlaceOrder' in union) return { type: 'PlaceOrder', ...placedOf(union['tradestream.PlaceOrder']) };
  if ('tradestream.AmendOrder' in union) return { type: 'AmendOrder', ...amendedOf(union['tradestream.AmendOrder']) };
  if ('tradestream.CancelOrder' in union) {
    const { orderId, symbol } = union['tradestream.CancelOrder'];
    return { type: 'CancelOrder', orderId, symbol };
  }
  return { type: 'ExecuteTrade', ...tradeOf(union['tradestream.ExecuteTrade']) };
}

function eventOf(union: events.TradeEvent['event']): TradeEvent {
  if ('tradestream.FundsDeposited' in union) {
    const value = union['tradestream.FundsDeposited'];
    return { type: 'FundsDeposited', ...fundsOf(value), ...touchedOf(value) };
  }
  if ('tradestream.FundsWithdrawn' in union) {
    const value = union['tradestream.FundsWithdrawn'];
    return { type: 'FundsWithdrawn', ...fundsOf(value), ...touchedOf(value) };
  }
  if ('tradestream.OrderPlaced' in union) {
    const value = union['tradestream.OrderPlaced'];
    return { type: 'OrderPlaced', ...placedOf(value), ...touchedOf(value) };
  }
  if ('tradestream.OrderAmended' in union) {
    const value = union['tradestream.OrderAmended'];
    return { type: 'OrderAmended', ...amendedOf(value), ...touchedOf(value) };
  }
  if ('tradestream.OrderCancelled' in union) {
    const value = union['tradestream.OrderCancelled'];
    return { type: 'OrderCancelled', orderId: value.orderId, symbol: value.symbol, ...touchedOf(value) };
  }
  if ('tradestream.TradeExecuted' in union) {
    const value = union['tradestream.TradeExecuted'];
    return { type: 'TradeExecuted', ...tradeOf(value), cost: amountOf(value.cost, 'cost'), ...touchedOf(value) };
  }
  const { reason, command } = union['tradestream.CommandRejected'];
  if (!isReason(reason)) {
    throw new ContractError('UNDECODABLE', {
      detail: 'a reason that this release does not know',
      context: { field: 'reason' },
    });
  }
  return { type: 'CommandRejected', reason, command: commandOf(command) };
}

function fundsOf(value: commands.DepositFunds) {
  return { userId: value.userId, asset: value.asset, amount: amountOf(value.amount, 'amount') };
}

function placedOf(value: commands.PlaceOrder) {
  const { orderId, userId, symbol, side } = value;
  return {
    orderId,
    userId,
    symbol,
    side,
    price: amountOf(value.price, 'price'),
    quantity: amountOf(value.quantity, 'quantity'),
  };
}

function amendedOf(value: commands.AmendOrder) {
  const { orderId, symbol, price, quantity } = value;
  return {
    orderId,
    symbol,
    price: price === null ? null : amountOf(price.bytes, 'price'),
    quantity: quantity === null ? null : amountOf(quantity.bytes, 'quantity'),
  };
}

function tradeOf(value: commands.ExecuteTrade) {
  const { tradeId, symbol, buyOrderId, sellOrderId } = value;
  return {
    tradeId,
    symbol,
    buyOrderId,
    sellOrderId,
    price: amountOf(value.price, 'price'),
    quantity: amountOf(value.quantity, 'quantity'),
    executedAt: numberOf(value.executedAt, 'executedAt'),
  };
}

function touchedOf(value: { readonly balances: readonly events.Balance[]; readonly orders: readonly events.Order[] }) {
  return { balances: value.balances.map(balanceOf), orders: value.orders.map(orderOf) };
}

function balanceOf(value: events.Balance): Balance {
  return {
    userId: value.userId,
    asset: value.asset,
    available: amountOf(value.available, 'balances.available'),
    held: amountOf(value.held, 'balances.held'),
    version: numberOf(value.version, 'balances.version'),
  };
}

function orderOf(value: events.Order): Order {
  return {
    orderId: value.orderId,
    userId: value.userId,
    symbol: value.symbol,
    side: value.side,
    price: amountOf(value.price, 'orders.price'),
    quantity: amountOf(value.quantity, 'orders.quantity'),
    filled: amountOf(value.filled, 'orders.filled'),
    hold: amountOf(value.hold, 'orders.hold'),
    status: value.status,
    version: numberOf(value.version, 'orders.version'),
  };
}

function amountOf(value: bigint, field: string): Amount {
  if (isAmount(value)) return value;
  throw new ContractError('MALFORMED', { context: { field, rule: 'a decimal of at most 38 digits' } });
}

function numberOf(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new ContractError('MALFORMED', { context: { field, rule: 'a whole number that a double holds exactly' } });
}
