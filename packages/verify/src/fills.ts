import { arrays, type Session } from '@tradestream/database';
import type { EventEnvelope, TradeEvent } from '@tradestream/trading';
import { expectHolds } from './contradiction.ts';
import { loadRows } from './pages.ts';

type Trade = Extract<TradeEvent, { readonly type: 'TradeExecuted' }>;
type Fill = { readonly trade: Trade; readonly side: number; readonly place: string };

/** The rows that are expected and not there as they should be. Each is looked up by its key. */
const DIFFERING = `
  SELECT expected.symbol, expected.trade_id, expected.side, expected.place, found.order_id IS NULL AS missing
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::numeric[],
              $9::timestamptz[], $10::text[])
    AS expected (symbol, trade_id, side, order_id, user_id, price, quantity, cost, timestamp, place)
  LEFT JOIN LATERAL (
    SELECT * FROM views.fills AS f
    WHERE f.symbol = expected.symbol AND f.trade_id = expected.trade_id AND f.side = expected.side OFFSET 0
  ) AS found ON true
  WHERE (found.order_id, found.user_id, found.price, found.quantity, found.cost, found.timestamp)
    IS DISTINCT FROM (expected.order_id, expected.user_id, expected.price, expected.quantity, expected.cost, expected.timestamp)
  LIMIT 1`;

/** Compares `views.fills` with the trades of the history, page by page: it grows with the history and is never held. */
export class FillCheck {
  readonly #session: Session;
  readonly #positions: ReadonlyMap<string, ReadonlyMap<number, number>> | null;
  #expected = 0;

  constructor(session: Session, positions: ReadonlyMap<string, ReadonlyMap<number, number>> | null) {
    this.#session = session;
    this.#positions = positions;
  }

  /** Trades from before the events: their fills are there, and were looked at. */
  startFrom(tradeCount: number): void {
    if (this.#positions !== null) this.#expected += 2 * tradeCount;
  }

  /** Resolves with what throws the contradiction, if these events have one. */
  async compare(events: readonly EventEnvelope[]): Promise<() => void> {
    const fills = events.flatMap((envelope) => this.#fillsOf(envelope));
    if (fills.length === 0) return () => undefined;
    this.#expected += fills.length;
    const rows = await loadRows<{ symbol: string; trade_id: string; side: string; place: string; missing: boolean }>(
      this.#session,
      DIFFERING,
      columnsOf(fills),
    );
    return () => {
      const [row] = rows;
      expectHolds('views', row === undefined, () => {
        const is = row?.missing === true ? 'is missing' : 'is not what';
        return `views.fills: the ${row?.side} of trade ${row?.trade_id} of ${row?.symbol} ${is}, event ${row?.place} says it`;
      });
    };
  }

  /** No row but those of the history. @throws {Contradiction} */
  async end(): Promise<void> {
    if (this.#positions === null) return;
    const [row] = await loadRows<{ count: number }>(this.#session, 'SELECT count(*)::float8 AS count FROM views.fills');
    const count = row?.count ?? 0;
    if (count === this.#expected) return;
    const extra = await loadRows<{ symbol: string; trade_id: string }>(
      this.#session,
      `SELECT f.symbol, f.trade_id FROM views.fills AS f
       WHERE NOT EXISTS (SELECT FROM ledger.trades AS t JOIN views.positions AS p ON p.projection = 'fills' AND p.partition = t.partition
                         WHERE t.symbol = f.symbol AND t.trade_id = f.trade_id AND t.seq <= p.seq)
       ORDER BY f.symbol, f.trade_id LIMIT 1`,
    );
    expectHolds(
      'views',
      false,
      () =>
        `views.fills: ${count} rows, the events at its position give ${this.#expected}; trade ${extra[0]?.trade_id} of ${extra[0]?.symbol} is none of them`,
    );
  }

  #fillsOf({ partition, seq, event }: EventEnvelope): readonly Fill[] {
    if (event.type !== 'TradeExecuted' || seq > (this.#positions?.get('fills')?.get(partition) ?? 0)) return [];
    return event.orders.map((_, side) => ({ trade: event, side, place: `${partition}/${seq}` }));
  }
}

function columnsOf(fills: readonly Fill[]): readonly unknown[] {
  const orderOf = ({ trade, side }: Fill) => trade.orders[side];
  return [
    arrays.text(fills.map(({ trade }) => trade.symbol)),
    arrays.text(fills.map(({ trade }) => trade.tradeId)),
    arrays.text(fills.map((fill) => orderOf(fill)?.side ?? '')),
    arrays.text(fills.map((fill) => orderOf(fill)?.orderId ?? '')),
    arrays.text(fills.map((fill) => orderOf(fill)?.userId ?? '')),
    arrays.numeric18(fills.map(({ trade }) => trade.price)),
    arrays.numeric18(fills.map(({ trade }) => trade.quantity)),
    arrays.numeric18(fills.map(({ trade }) => trade.cost)),
    arrays.timestamptzMicros(fills.map(({ trade }) => trade.executedAt)),
    arrays.text(fills.map(({ place }) => place)),
  ];
}
