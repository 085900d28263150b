import type { BalanceRow, OrderRow } from './ledger-tables.ts';
import { Table } from './table.ts';

export type PositionRow = {
  readonly projection: string;
  readonly partition: number;
  readonly seq: number;
  readonly nextOffset: number;
  readonly timeline: number;
};

export type OrderViewRow = OrderRow & {
  readonly placedAt: number;
  readonly updatedAt: number;
  readonly firstVersion: number;
};

export type TradeViewRow = {
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: string;
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly price: bigint;
  readonly timestamp: number;
};

export type FillViewRow = {
  readonly tradeId: string;
  readonly orderId: string;
  readonly userId: string;
  readonly symbol: string;
  readonly side: string;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly cost: bigint;
  readonly timestamp: number;
};

/** `opened` and `closed` are places: time, partition, sequence. */
export type CandleViewRow = {
  readonly symbol: string;
  readonly minute: number;
  readonly open: bigint;
  readonly high: bigint;
  readonly low: bigint;
  readonly close: bigint;
  readonly volume: bigint;
  readonly quoteVolume: bigint;
  readonly count: number;
  readonly opened: readonly [number, number, number];
  readonly closed: readonly [number, number, number];
};

/** The read models, by their primary keys as text. */
export class ViewTables {
  readonly positions = new Table<PositionRow>('positions');
  readonly balances = new Table<BalanceRow>('view balances');
  readonly orders = new Table<OrderViewRow>('view orders');
  readonly trades = new Table<TradeViewRow>('view trades');
  readonly fills = new Table<FillViewRow>('view fills');
  readonly candles = new Table<CandleViewRow>('view candles');
}
