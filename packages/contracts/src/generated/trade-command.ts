// Made from schemas/avro/trade-command.avsc by scripts/generate-avro-types.ts: do not edit.

/** One command. Key of the record: the symbol, or user:<userId> for funds. */
export type TradeCommand = {
  /** Tells a duplicate. Null: made from the trade, or from the place of the record. */
  readonly commandId: null | { readonly 'string': string };
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

export type Side = 'buy' | 'sell';

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
export const TRADE_COMMAND_SCHEMA =
  '{"type":"record","name":"TradeCommand","namespace":"tradestream","doc":"One command. Key of the record: the symbol, or user:<userId> for funds.","fields":[{"name":"commandId","type":["null",{"type":"string","logicalType":"uuid"}],"doc":"Tells a duplicate. Null: made from the trade, or from the place of the record.","default":null},{"name":"command","type":[{"type":"record","name":"DepositFunds","doc":"Adds to what the user has available of the asset.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"WithdrawFunds","doc":"Takes from what the user has available of the asset.","fields":[{"name":"userId","type":"string"},{"name":"asset","type":"string"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"PlaceOrder","doc":"Places an order and holds what it may cost.","fields":[{"name":"orderId","type":"string"},{"name":"userId","type":"string"},{"name":"symbol","type":"string"},{"name":"side","type":{"type":"enum","name":"Side","symbols":["buy","sell"]}},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}}]},{"type":"record","name":"AmendOrder","doc":"Changes price, quantity or both of an open order.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"},{"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the price as it is","default":null},{"name":"quantity","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}],"doc":"null leaves the quantity as it is","default":null}]},{"type":"record","name":"CancelOrder","doc":"Ends an open order and frees what it holds.","fields":[{"name":"orderId","type":"string"},{"name":"symbol","type":"string"}]},{"type":"record","name":"ExecuteTrade","doc":"Trades between a buy and a sell order.","fields":[{"name":"tradeId","type":"string"},{"name":"symbol","type":"string"},{"name":"buyOrderId","type":"string"},{"name":"sellOrderId","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"quantity","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":18}},{"name":"executedAt","type":{"type":"long","logicalType":"timestamp-micros"}}]}]}]}';

