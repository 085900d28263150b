import { arrays } from '@tradestream/database';
import type { Amount, EventEnvelope } from '@tradestream/trading';
import { executedSides } from './executed-sides.ts';
import { FILLS_OF_BASE } from './fills-of-base.ts';
import { minutePart, minuteText, textPart } from './row-key.ts';
import { statementOf, sumsColumn, type ViewDefinition } from './view.ts';

/** Where a trade stands among those of its minute: by time, then partition, then sequence. */
export type TradePlace = { readonly executedAt: number; readonly partition: number; readonly seq: number };

export type CandleRow = {
  readonly symbol: string;
  /** Start of the UTC minute, microseconds. */
  readonly minute: number;
  open: Amount;
  high: Amount;
  low: Amount;
  close: Amount;
  volume: Amount;
  quoteVolume: Amount;
  count: number;
  opened: TradePlace;
  closed: TradePlace;
};

const MINUTE_MICROS = 60_000_000;

const COLUMNS = `symbol, minute, open, high, low, close, volume, quote_volume, count,
  opened_at, opened_partition, opened_seq, closed_at, closed_partition, closed_seq`;

const FIRST = 'ORDER BY timestamp, event_partition, event_seq';
const LAST = 'ORDER BY timestamp DESC, event_partition DESC, event_seq DESC';
/** Of the buying side of each trade, the first and the last of its minute by their places. */
const BASE = `
  SELECT symbol, date_bin('1 minute', timestamp, 'epoch'::timestamptz) AS minute,
    (array_agg(price ${FIRST}))[1] AS open, max(price) AS high, min(price) AS low, (array_agg(price ${LAST}))[1] AS close,
    sum(quantity) AS volume, sum(cost) AS quote_volume, count(*) AS count,
    min(timestamp) AS opened_at, (array_agg(event_partition ${FIRST}))[1] AS opened_partition,
    (array_agg(event_seq ${FIRST}))[1] AS opened_seq,
    max(timestamp) AS closed_at, (array_agg(event_partition ${LAST}))[1] AS closed_partition,
    (array_agg(event_seq ${LAST}))[1] AS closed_seq
  FROM (${FILLS_OF_BASE}) AS fills WHERE side = 'buy' GROUP BY 1, 2`;

/** Prices and volumes of each symbol and minute; a late trade takes the place that its time gives it. */
export const CANDLES: ViewDefinition<CandleRow> = {
  name: 'candles',
  reads: ['TradeExecuted'],
  values: 'orders',
  growsRows: true,
  keyParts: [textPart('symbol'), minutePart('minute')],
  keyOf: ({ symbol, minute }) => `${symbol}/${minuteText(minute)}`,
  base: { ofFills: true, columns: COLUMNS, select: BASE },
  add: addTrade,
  upsert: statementOf('upsert', (table) => upsertInto(table), valuesOf),
  revises: null,
};

function addTrade(rows: Map<string, CandleRow>, { event, partition, seq }: EventEnvelope): void {
  if (event.type !== 'TradeExecuted') return;
  executedSides(event);
  const { symbol, price, quantity, cost, executedAt } = event;
  const minute = Math.floor(executedAt / MINUTE_MICROS) * MINUTE_MICROS;
  const key = `${symbol} ${minute}`;
  const place = { executedAt, partition, seq };
  const row = rows.get(key);
  if (row === undefined) {
    const prices = { open: price, high: price, low: price, close: price };
    const sums = { volume: quantity, quoteVolume: cost, count: 1 };
    rows.set(key, { symbol, minute, ...prices, ...sums, opened: place, closed: place });
    return;
  }
  if (price > row.high) row.high = price;
  if (price < row.low) row.low = price;
  row.volume += quantity;
  row.quoteVolume += cost;
  row.count += 1;
  if (isBefore(place, row.opened)) {
    row.open = price;
    row.opened = place;
  }
  if (isBefore(row.closed, place)) {
    row.close = price;
    row.closed = place;
  }
}

function isBefore(a: TradePlace, b: TradePlace): boolean {
  if (a.executedAt !== b.executedAt) return a.executedAt < b.executedAt;
  return a.partition === b.partition ? a.seq < b.seq : a.partition < b.partition;
}

const IS_EARLIER = `(excluded.opened_at, excluded.opened_partition, excluded.opened_seq)
      < (c.opened_at, c.opened_partition, c.opened_seq)`;
const IS_LATER = `(excluded.closed_at, excluded.closed_partition, excluded.closed_seq)
      > (c.closed_at, c.closed_partition, c.closed_seq)`;

/** Open and close with their places, each as one: that of the earlier opening and of the later close. */
const upsertInto = (table: string) => `
  INSERT INTO ${table} AS c (symbol, minute, open, high, low, close, count,
    opened_at, opened_partition, opened_seq, closed_at, closed_partition, closed_seq, volume, quote_volume)
  SELECT symbol, minute, open, high, low, close, count, at1, partition1, seq1, at2, partition2, seq2,
    volume::numeric, quote_volume::numeric
  FROM unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[], $7::bigint[],
    $8::timestamptz[], $9::int[], $10::bigint[], $11::timestamptz[], $12::int[], $13::bigint[], $14::text[], $15::text[])
    AS made (symbol, minute, open, high, low, close, count, at1, partition1, seq1, at2, partition2, seq2, volume, quote_volume)
  ON CONFLICT (symbol, minute) DO UPDATE SET
    open = CASE WHEN ${IS_EARLIER} THEN excluded.open ELSE c.open END,
    opened_at = CASE WHEN ${IS_EARLIER} THEN excluded.opened_at ELSE c.opened_at END,
    opened_partition = CASE WHEN ${IS_EARLIER} THEN excluded.opened_partition ELSE c.opened_partition END,
    opened_seq = CASE WHEN ${IS_EARLIER} THEN excluded.opened_seq ELSE c.opened_seq END,
    close = CASE WHEN ${IS_LATER} THEN excluded.close ELSE c.close END,
    closed_at = CASE WHEN ${IS_LATER} THEN excluded.closed_at ELSE c.closed_at END,
    closed_partition = CASE WHEN ${IS_LATER} THEN excluded.closed_partition ELSE c.closed_partition END,
    closed_seq = CASE WHEN ${IS_LATER} THEN excluded.closed_seq ELSE c.closed_seq END,
    high = greatest(c.high, excluded.high),
    low = least(c.low, excluded.low),
    volume = c.volume + excluded.volume,
    quote_volume = c.quote_volume + excluded.quote_volume,
    count = c.count + excluded.count`;

function valuesOf(rows: readonly CandleRow[]): readonly unknown[] {
  return [
    arrays.text(rows.map((row) => row.symbol)),
    arrays.timestamptzMicros(rows.map((row) => row.minute)),
    arrays.numeric18(rows.map((row) => row.open)),
    arrays.numeric18(rows.map((row) => row.high)),
    arrays.numeric18(rows.map((row) => row.low)),
    arrays.numeric18(rows.map((row) => row.close)),
    arrays.int8(rows.map((row) => row.count)),
    arrays.timestamptzMicros(rows.map((row) => row.opened.executedAt)),
    arrays.int4(rows.map((row) => row.opened.partition)),
    arrays.int8(rows.map((row) => row.opened.seq)),
    arrays.timestamptzMicros(rows.map((row) => row.closed.executedAt)),
    arrays.int4(rows.map((row) => row.closed.partition)),
    arrays.int8(rows.map((row) => row.closed.seq)),
    sumsColumn(rows.map((row) => row.volume)),
    sumsColumn(rows.map((row) => row.quoteVolume)),
  ];
}
