import type { TradeCommand, TradeEvent } from '@tradestream/trading';

/** The command that an event says it came from. */
export function askedBy(event: TradeEvent): TradeCommand {
  switch (event.type) {
    case 'CommandRejected':
      return event.command;
    case 'FundsDeposited':
      return { ...fundsOf(event), type: 'DepositFunds' };
    case 'FundsWithdrawn':
      return { ...fundsOf(event), type: 'WithdrawFunds' };
    case 'OrderPlaced':
      return {
        type: 'PlaceOrder',
        orderId: event.orderId,
        userId: event.userId,
        symbol: event.symbol,
        side: event.side,
        price: event.price,
        quantity: event.quantity,
      };
    case 'OrderAmended': {
      const { orderId, symbol, price, quantity } = event;
      return { type: 'AmendOrder', orderId, symbol, price, quantity };
    }
    case 'OrderCancelled':
      return { type: 'CancelOrder', orderId: event.orderId, symbol: event.symbol };
    case 'TradeExecuted':
      return {
        type: 'ExecuteTrade',
        tradeId: event.tradeId,
        symbol: event.symbol,
        buyOrderId: event.buyOrderId,
        sellOrderId: event.sellOrderId,
        price: event.price,
        quantity: event.quantity,
        executedAt: event.executedAt,
      };
  }
}

/** What decides the order of a command: the user of funds, else the symbol. */
export function keyOf(command: TradeCommand): string {
  const isOfFunds = command.type === 'DepositFunds' || command.type === 'WithdrawFunds';
  return isOfFunds ? `user:${command.userId}` : command.symbol;
}

function fundsOf(event: { readonly userId: string; readonly asset: string; readonly amount: bigint }) {
  return { userId: event.userId, asset: event.asset, amount: event.amount };
}
