/** A count of 10^-18 units; magnitude below 10^38. The only form an amount ever has in the core. */
export type Amount = bigint;

export type Side = 'buy' | 'sell';

export type DepositFunds = {
  readonly type: 'DepositFunds';
  readonly userId: string;
  readonly asset: string;
  readonly amount: Amount;
};

export type WithdrawFunds = {
  readonly type: 'WithdrawFunds';
  readonly userId: string;
  readonly asset: string;
  readonly amount: Amount;
};

export type PlaceOrder = {
  readonly type: 'PlaceOrder';
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: Amount;
  readonly quantity: Amount;
};

/** `null` leaves that value of the order as it is. */
export type AmendOrder = {
  readonly type: 'AmendOrder';
  readonly orderId: string;
  readonly symbol: string;
  readonly price: Amount | null;
  readonly quantity: Amount | null;
};

export type CancelOrder = {
  readonly type: 'CancelOrder';
  readonly orderId: string;
  readonly symbol: string;
};

export type ExecuteTrade = {
  readonly type: 'ExecuteTrade';
  readonly tradeId: string;
  readonly symbol: string;
  readonly buyOrderId: string;
  readonly sellOrderId: string;
  readonly price: Amount;
  readonly quantity: Amount;
  /** Microseconds since the epoch; an integer that a double holds exactly until the year 2255. */
  readonly executedAt: number;
};

export type TradeCommand = DepositFunds | WithdrawFunds | PlaceOrder | AmendOrder | CancelOrder | ExecuteTrade;

export type CommandType = TradeCommand['type'];
