// Made from schemas/avro/trade-event.avsc by scripts/generate-avro-types.ts: do not edit.

/** One event at its place: seq has no gap within its partition. */
export type TradeEvent = {
  readonly partition: number;
  readonly seq: bigint;
  /** Timeline of the database that gave the place. */
  readonly timeline: number;
  /** (batch, index) is the history order across partitions. */
  readonly batch: bigint;
  readonly commandId: string;
  /** Timestamp of the record of the command. */
  readonly occurredAt: bigint;
  readonly event: { readonly 'tradestream.FundsDeposited': FundsDeposited } | { readonly 'tradestream.FundsWithdrawn': FundsWithdrawn } | { readonly 'tradestream.OrderPlaced': OrderPlaced } | { readonly 'tradestream.OrderAmended': OrderAmended } | { readonly 'tradestream.OrderCancelled': OrderCancelled } | { readonly 'tradestream.TradeExecuted': TradeExecuted } | { readonly 'tradestream.CommandRejected': CommandRejected };
};

/** The deposit was booked. */
export type FundsDeposited = {
  readonly userId: string;
  readonly asset: string;
  readonly amount: bigint;
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** A balance after the event; the higher version is the newer. */
export type Balance = {
  readonly userId: string;
  readonly asset: string;
  readonly available: bigint;
  readonly held: bigint;
  readonly version: bigint;
};

/** An order after the event; the higher version is the newer. */
export type Order = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly filled: bigint;
  readonly hold: bigint;
  readonly status: OrderStatus;
  readonly version: bigint;
};

export type Side = 'buy' | 'sell';

export type OrderStatus = 'open' | 'partially_filled' | 'filled' | 'cancelled';

/** The withdrawal was booked. */
export type FundsWithdrawn = {
  readonly userId: string;
  readonly asset: string;
  readonly amount: bigint;
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** The order is open. */
export type OrderPlaced = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** The order has its new price and quantity. */
export type OrderAmended = {
  readonly orderId: string;
  readonly symbol: string;
  /** null leaves the price as it is */
  readonly price: null | { readonly 'bytes': bigint };
  /** null leaves the quantity as it is */
  readonly quantity: null | { readonly 'bytes': bigint };
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** The order is closed. */
export type OrderCancelled = {
  readonly orderId: string;
  readonly symbol: string;
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** The trade was booked on both sides; orders holds the buy order, then the sell order. */
export type TradeExecuted = {
  readonly tradeId: string;
  readonly symbol: string;
  readonly buyOrderId: string;
  readonly sellOrderId: string;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly executedAt: bigint;
  /** What both sides booked in the quote asset. */
  readonly cost: bigint;
  readonly balances: readonly Balance[];
  readonly orders: readonly Order[];
};

/** The command changed nothing; the whole of it is kept. */
export type CommandRejected = {
  /** A reason code; codes are added, never renamed. */
  readonly reason: string;
  readonly command: { readonly 'tradestream.DepositFunds': DepositFunds } | { readonly 'tradestream.WithdrawFunds': WithdrawFunds } | { readonly 'tradestream.PlaceOrder': PlaceOrder } | { readonly 'tradestream.AmendOrder': AmendOrder } | { readonly 'tradestream.CancelOrder': CancelOrder } | { readonly 'tradestream.ExecuteTrade': ExecuteTrade };
};

/** Adds to what the user has available of the asset. */
export type DepositFunds = {
  readonly userId: string;
  readonly asset: string;
  readonly amount: bigint;
};

/** Takes from what the user has available of the asset. */
export type WithdrawFunds = {
  readonly userId: string;
  readonly asset: string;
  readonly amount: bigint;
};

/** Places an order and holds what it may cost. */
export type PlaceOrder = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: bigint;
  readonly quantity: bigint;
};

/** Changes price, quantity or both of an open order. */
export type AmendOrder = {
  readonly orderId: string;
  readonly symbol: string;
  /** null leaves the price as it is */
  readonly price: null | { readonly 'bytes': bigint };
  /** null leaves the quantity as it is */
  readonly quantity: null | { readonly 'bytes': bigint };
};

/** Ends an open order and frees what it holds. */
export type CancelOrder = {
  readonly orderId: string;
  readonly symbol: string;
};

/** Trades between a buy and a sell order. */
export type ExecuteTrade = {
  readonly tradeId: string;
  readonly symbol: string;
  readonly buyOrderId: string;
  readonly sellOrderId: string;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly executedAt: bigint;
};

/** The schema as it is registered. */
export const TRADE_EVENT_SCHEMA =
  '{"type":"record","name":"TradeEvent","namespace":"tradestream","doc":"One event at its place: seq has no gap within its partition.","fields":[{"name":"partition","type":"int"},{"name":"seq","type":"long"},{"name":"timeline","type":"int","doc":"Timeline of the database that gave the place."},{"name":"batch","type":"long","doc":"(batch, index) is the history order across partitions."},{"name":"commandId","type":{"type":"string","logicalType":"uuid"}},{"name":"occurredAt","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Timestamp of the record of the command."},{"name":"event","type":[{"type":"record","name":"FundsDeposited","doc":"The deposit was booked.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"balances","type":{"type":"array","items":{"type":"record","name":"Balance","doc":"A balance after the event; the higher version is the newer.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"available","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"held","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"version","type":"long"}]}},"default":[]},{"name":"orders","type":{"type":"array","items":{"type":"record","name":"Order","doc":"An order after the event; the higher version is the newer.","fields":[{"name":"orderId","type":"string"},{"name":"userId","type":"string"},{"name":"symbol","type":"string"},{"name":"side","type":{"type":"enum","name":"Side","symbols":["buy","sell"]}},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"filled","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"hold","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"status","type":{"type":"enum","name":"OrderStatus","symbols":["open","partially_filled","filled","cancelled"]}},{"name":"version","type":"long"}]}},"default":[]}]},{"type":"record","name":"FundsWithdrawn","doc":"The withdrawal was booked.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"balances","type":{"type":"array","items":"Balance"},"default":[]},{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}]},{"type":"record","name":"OrderPlaced","doc":"The order is open.","fields":[{"name":"orderId","type":"string"},{"name":"userId","type":"string"},{"name":"symbol","type":"string"},{"name":"side","type":"Side"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"balances","type":{"type":"array","items":"Balance"},"default":[]},{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}]},{"type":"record","name":"OrderAmended","doc":"The order has its new price and quantity.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"},{"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the price as it is","default":null},{"name":"quantity","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the quantity as it is","default":null},{"name":"balances","type":{"type":"array","items":"Balance"},"default":[]},{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}]},{"type":"record","name":"OrderCancelled","doc":"The order is closed.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"},{"name":"balances","type":{"type":"array","items":"Balance"},"default":[]},{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}]},{"type":"record","name":"TradeExecuted","doc":"The trade was booked on both sides; orders holds the buy order, then the sell order.","fields":[{"name":"tradeId","type":"string"},{"name":"symbol","type":"string"},{"name":"buyOrderId","type":"string"},{"name":"sellOrderId","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"executedAt","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"cost","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18},"doc":"What both sides booked in the quote asset."},{"name":"balances","type":{"type":"array","items":"Balance"},"default":[]},{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}]},{"type":"record","name":"CommandRejected","doc":"The command changed nothing; the whole of it is kept.","fields":[{"name":"reason","type":"string","doc":"A reason code; codes are added, never renamed."},{"name":"command","type":[{"type":"record","name":"DepositFunds","doc":"Adds to what the user has available of the asset.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"WithdrawFunds","doc":"Takes from what the user has available of the asset.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"PlaceOrder","doc":"Places an order and holds what it may cost.","fields":[{"name":"orderId","type":"string"},{"name":"userId","type":"string"},{"name":"symbol","type":"string"},{"name":"side","type":"Side"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"AmendOrder","doc":"Changes price, quantity or both of an open order.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"},{"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the price as it is","default":null},{"name":"quantity","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the quantity as it is","default":null}]},{"type":"record","name":"CancelOrder","doc":"Ends an open order and frees what it holds.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"}]},{"type":"record","name":"ExecuteTrade","doc":"Trades between a buy and a sell order.","fields":[{"name":"tradeId","type":"string"},{"name":"symbol","type":"string"},{"name":"buyOrderId","type":"string"},{"name":"sellOrderId","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"executedAt","type":{"type":"long","logicalType":"timestamp-micros"}}]}]}]}]}]}';

