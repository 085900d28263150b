import type { TradeCommand } from './commands.ts';
import type { TradeEvent } from './events.ts';

/** The command that an event came from, field by field: the history can be decided again from events alone. */
export function commandOf(event: TradeEvent): TradeCommand {
  switch (event.type) {
    case 'CommandRejected':
      return event.command;
    case 'FundsDeposited':
      return { type: 'DepositFunds', userId: event.userId, asset: event.asset, amount: event.amount };
    case 'FundsWithdrawn':
      return { type: 'WithdrawFunds', userId: event.userId, asset: event.asset, amount: event.amount };
    case 'OrderPlaced': {
      const { orderId, userId, symbol, side, price, quantity } = event;
      return { type: 'PlaceOrder', orderId, userId, symbol, side, price, quantity };
    }
    case 'OrderAmended':
      return {
        type: 'AmendOrder',
        orderId: event.orderId,
        symbol: event.symbol,
        price: event.price,
        quantity: event.quantity,
      };
    case 'OrderCancelled':
      return { type: 'CancelOrder', orderId: event.orderId, symbol: event.symbol };
    case 'TradeExecuted': {
      const { tradeId, symbol, buyOrderId, sellOrderId, price, quantity, executedAt } = event;
      return { type: 'ExecuteTrade', tradeId, symbol, buyOrderId, sellOrderId, price, quantity, executedAt };
    }
  }
}
