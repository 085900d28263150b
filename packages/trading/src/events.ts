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
import type { Reason } from './reasons.ts';
import type { Balance, Order } from './state.ts';

/**
 * Each event carries the fields that rebuild its command and, for every balance and order it
 * touches, the whole value and version after it, so that a view can take the higher version
 * whatever the order of arrival.
 */
type Touched = {
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

export type FundsDeposited = Omit<DepositFunds, 'type'> & Touched & { readonly type: 'FundsDeposited' };
export type FundsWithdrawn = Omit<WithdrawFunds, 'type'> & Touched & { readonly type: 'FundsWithdrawn' };
export type OrderPlaced = Omit<PlaceOrder, 'type'> & Touched & { readonly type: 'OrderPlaced' };
export type OrderAmended = Omit<AmendOrder, 'type'> & Touched & { readonly type: 'OrderAmended' };
export type OrderCancelled = Omit<CancelOrder, 'type'> & Touched & { readonly type: 'OrderCancelled' };
/** `orders` holds the buy order, then the sell order. */
export type TradeExecuted = Omit<ExecuteTrade, 'type'> &
  Touched & { readonly type: 'TradeExecuted'; readonly cost: Amount };
export type CommandRejected = {
  readonly type: 'CommandRejected';
  readonly reason: Reason;
  readonly command: TradeCommand;
};

export type AppliedEvent =
  | FundsDeposited
  | FundsWithdrawn
  | OrderPlaced
  | OrderAmended
  | OrderCancelled
  | TradeExecuted;

export type TradeEvent = AppliedEvent | CommandRejected;

export type EventType = TradeEvent['type'];

/** An event at its place: `seq` has no gap within a partition; (batch, index) is the history order. */
export type EventEnvelope = {
  readonly partition: number;
  readonly seq: number;
  readonly timeline: number;
  readonly batch: number;
  readonly commandId: string;
  /** Microseconds since the epoch: the Kafka timestamp of the command's record. */
  readonly occurredAt: number;
  readonly event: TradeEvent;
};
