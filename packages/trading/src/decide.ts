import { ceilMultiply18, floorMultiply18, LIMIT } from './amount.ts';
import type {
  AmendOrder,
  Amount,
  CancelOrder,
  DepositFunds,
  ExecuteTrade,
  PlaceOrder,
  TradeCommand,
  WithdrawFunds,
} from './commands.ts';
import type { AppliedEvent } from './events.ts';
import type { Reason } from './reasons.ts';
import type { Balance, Order, State } from './state.ts';
import { type Pair, pairOf } from './symbol.ts';

/** What becomes of a command: the event of its effect, or the reason why it has none. */
export type Decision =
  | { readonly accepted: true; readonly event: AppliedEvent }
  | { readonly accepted: false; readonly reason: Reason };

/**
 * Decides one command on the present state. The reasons stand in their order of precedence: the
 * first that applies rejects. Reads from the state only what the decision rests on.
 */
export function decide(command: TradeCommand, state: State): Decision {
  switch (command.type) {
    case 'DepositFunds':
      return deposit(command, state);
    case 'WithdrawFunds':
      return withdraw(command, state);
    case 'PlaceOrder':
      return place(command, state);
    case 'AmendOrder':
      return amend(command, state);
    case 'CancelOrder':
      return cancel(command, state);
    case 'ExecuteTrade':
      return execute(command, state);
  }
}

/** What an order must hold: a buy the cost of what remains, rounded up, a sell what remains. */
export function requiredHold(order: Pick<Order, 'side' | 'price' | 'quantity' | 'filled'>): Amount {
  const remaining = order.quantity - order.filled;
  return order.side === 'buy' ? ceilMultiply18(order.price, remaining) : remaining;
}

function deposit(command: DepositFunds, state: State): Decision {
  if (command.amount <= 0n) return reject('INVALID_AMOUNT');
  const balance = state.balance(command.userId, command.asset);
  if (reachesLimit(balance, command.amount)) return reject('BALANCE_LIMIT');
  const balances = [moved(balance, command.amount, 0n)];
  return accept({ ...command, type: 'FundsDeposited', balances, orders: [] });
}

function withdraw(command: WithdrawFunds, state: State): Decision {
  if (command.amount <= 0n) return reject('INVALID_AMOUNT');
  const balance = state.balance(command.userId, command.asset);
  if (command.amount > balance.available) return reject('INSUFFICIENT_FUNDS');
  const balances = [moved(balance, -command.amount, 0n)];
  return accept({ ...command, type: 'FundsWithdrawn', balances, orders: [] });
}

function place(command: PlaceOrder, state: State): Decision {
  const { orderId, userId, symbol, side, price, quantity } = command;
  const pair = pairOf(symbol);
  if (pair === null) return reject('INVALID_SYMBOL');
  if (price <= 0n || quantity <= 0n) return reject('INVALID_AMOUNT');
  if (state.order(orderId) !== undefined) return reject('DUPLICATE_ORDER');
  const hold = requiredHold({ side, price, quantity, filled: 0n });
  const balance = state.balance(userId, holdAsset(side, pair));
  if (hold > balance.available) return reject('INSUFFICIENT_FUNDS');
  const order: Order = { orderId, userId, symbol, side, price, quantity, filled: 0n, hold, status: 'open', version: 1 };
  return accept({ ...command, type: 'OrderPlaced', balances: [moved(balance, -hold, hold)], orders: [order] });
}

function amend(command: AmendOrder, state: State): Decision {
  const { price, quantity } = command;
  if ((price !== null && price <= 0n) || (quantity !== null && quantity <= 0n)) return reject('INVALID_AMOUNT');
  const order = state.order(command.orderId);
  if (order === undefined) return reject('UNKNOWN_ORDER');
  if (order.symbol !== command.symbol) return reject('SYMBOL_MISMATCH');
  if (!isOpen(order)) return reject('ORDER_NOT_OPEN');
  const changed = { ...order, price: price ?? order.price, quantity: quantity ?? order.quantity };
  if (changed.price === order.price && changed.quantity === order.quantity) return reject('NOTHING_TO_CHANGE');
  if (changed.quantity <= order.filled) return reject('QUANTITY_BELOW_FILLED');
  const hold = requiredHold(changed);
  const more = hold - order.hold;
  const balance = state.balance(order.userId, holdAsset(order.side, pairOfOrder(order)));
  if (more > balance.available) return reject('INSUFFICIENT_FUNDS');
  const orders = [{ ...changed, hold, version: order.version + 1 }];
  return accept({ ...command, type: 'OrderAmended', balances: [moved(balance, -more, more)], orders });
}

function cancel(command: CancelOrder, state: State): Decision {
  const order = state.order(command.orderId);
  if (order === undefined) return reject('UNKNOWN_ORDER');
  if (order.symbol !== command.symbol) return reject('SYMBOL_MISMATCH');
  if (!isOpen(order)) return reject('ORDER_NOT_OPEN');
  const balance = state.balance(order.userId, holdAsset(order.side, pairOfOrder(order)));
  const orders: Order[] = [{ ...order, hold: 0n, status: 'cancelled', version: order.version + 1 }];
  return accept({ ...command, type: 'OrderCancelled', balances: [moved(balance, order.hold, -order.hold)], orders });
}

function execute(command: ExecuteTrade, state: State): Decision {
  const { symbol, price, quantity } = command;
  const pair = pairOf(symbol);
  if (pair === null) return reject('INVALID_SYMBOL');
  if (price <= 0n || quantity <= 0n) return reject('INVALID_AMOUNT');
  if (state.hasTrade(symbol, command.tradeId)) return reject('DUPLICATE_TRADE');
  const buy = state.order(command.buyOrderId);
  const sell = state.order(command.sellOrderId);
  if (buy === undefined || sell === undefined) return reject('UNKNOWN_ORDER');
  const refused = refuseMatch(command, buy, sell);
  if (refused !== null) return reject(refused);

  const cost = floorMultiply18(price, quantity);
  const bought = filled(buy, quantity);
  const sold = filled(sell, quantity);
  const freed = buy.hold - bought.hold;
  const buyerQuote = state.balance(buy.userId, pair.quote);
  const buyerBase = state.balance(buy.userId, pair.base);
  const sellerBase = state.balance(sell.userId, pair.base);
  const sellerQuote = state.balance(sell.userId, pair.quote);
  if (reachesLimit(buyerBase, quantity) || reachesLimit(sellerQuote, cost)) return reject('BALANCE_LIMIT');
  const balances = [
    moved(buyerQuote, freed - cost, -freed),
    moved(buyerBase, quantity, 0n),
    moved(sellerBase, 0n, -quantity),
    moved(sellerQuote, cost, 0n),
  ];
  return accept({ ...command, type: 'TradeExecuted', cost, balances, orders: [bought, sold] });
}

/** Why two known orders cannot trade with one another as the command says. */
function refuseMatch(command: ExecuteTrade, buy: Order, sell: Order): Reason | null {
  if (buy.symbol !== command.symbol || sell.symbol !== command.symbol) return 'SYMBOL_MISMATCH';
  if (buy.side !== 'buy' || sell.side !== 'sell') return 'SIDE_MISMATCH';
  if (buy.userId === sell.userId) return 'SELF_TRADE';
  if (!isOpen(buy) || !isOpen(sell)) return 'ORDER_NOT_OPEN';
  if (command.price > buy.price || command.price < sell.price) return 'PRICE_OUTSIDE_LIMIT';
  const least = smaller(buy.quantity - buy.filled, sell.quantity - sell.filled);
  return command.quantity > least ? 'QUANTITY_EXCEEDS_REMAINING' : null;
}

function filled(order: Order, quantity: Amount): Order {
  const after = { ...order, filled: order.filled + quantity, version: order.version + 1 };
  const status = after.filled === after.quantity ? 'filled' : 'partially_filled';
  return { ...after, hold: requiredHold(after), status };
}

function moved(balance: Balance, available: Amount, held: Amount): Balance {
  return {
    userId: balance.userId,
    asset: balance.asset,
    available: balance.available + available,
    held: balance.held + held,
    version: balance.version + 1,
  };
}

function isOpen(order: Order): boolean {
  return order.status === 'open' || order.status === 'partially_filled';
}

function holdAsset(side: Order['side'], pair: Pair): string {
  return side === 'buy' ? pair.quote : pair.base;
}

/** An order exists only under a symbol that was checked when it was placed. */
function pairOfOrder(order: Order): Pair {
  const pair = pairOf(order.symbol);
  if (pair === null) throw new TypeError(`order ${order.orderId} has the symbol ${order.symbol}, which is none`);
  return pair;
}

function reachesLimit(balance: Balance, credit: Amount): boolean {
  return balance.available + balance.held + credit >= LIMIT;
}

function smaller(a: Amount, b: Amount): Amount {
  return a < b ? a : b;
}

function accept(event: AppliedEvent): Decision {
  return { accepted: true, event };
}

function reject(reason: Reason): Decision {
  return { accepted: false, reason };
}
