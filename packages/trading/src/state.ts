import type { Amount, Side } from './commands.ts';

/** Version 0 with zero amounts is a balance that was never credited. */
export type Balance = {
  readonly userId: string;
  readonly asset: string;
  readonly available: Amount;
  readonly held: Amount;
  readonly version: number;
};

export type OrderStatus = 'open' | 'partially_filled' | 'filled' | 'cancelled';

export type Order = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: Amount;
  readonly quantity: Amount;
  readonly filled: Amount;
  readonly hold: Amount;
  readonly status: OrderStatus;
  readonly version: number;
};

/** What a decision may look at. A reader that records each call knows what the decision rested on. */
export interface State {
  /** A balance that was never credited reads as zero with version 0. */
  balance(userId: string, asset: string): Balance;
  order(orderId: string): Order | undefined;
  hasTrade(symbol: string, tradeId: string): boolean;
}

/** State that events can be folded into. */
export interface MutableState extends State {
  setBalance(balance: Balance): void;
  setOrder(order: Order): void;
  addTrade(symbol: string, tradeId: string): void;
}
