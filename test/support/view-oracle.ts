import { decodeEvent } from '@tradestream/contracts';
import { type EventEnvelope, formatAmount, type Order, type TradeExecuted } from '@tradestream/trading';
import type { LedgerWorld } from './ledger-world.ts';

export type ViewName = 'trades' | 'fills' | 'orders' | 'balances' | 'candles';

/** Every row of every view as a line of text, sorted. */
export type ViewLines = Readonly<Record<ViewName, readonly string[]>>;

const SCALE = 10n ** 18n;
const MINUTE = 60_000_000;

/** The views as the domain defines them, computed from all events at once and by nothing of the projector. */
export function expectedViews(events: readonly EventEnvelope[]): ViewLines {
  return {
    trades: expectedView('trades', events),
    fills: expectedView('fills', events),
    orders: expectedView('orders', events),
    balances: expectedView('balances', events),
    candles: expectedView('candles', events),
  };
}

/** One of them. */
export function expectedView(name: ViewName, events: readonly EventEnvelope[]): readonly string[] {
  switch (name) {
    case 'trades':
      return lines([...Map.groupBy(sidesOf(events), ({ order }) => order.orderId).values()].map(tradeLine));
    case 'fills':
      return lines(sidesOf(events).map(fillLine));
    case 'orders':
      return lines([...orderHistories(events).values()].map(orderLine));
    case 'balances':
      return lines(newestBalances(events));
    case 'candles':
      return lines([...Map.groupBy(executions(events), minuteOf).values()].map(candleLine));
  }
}

/** The views as they stand. */
export async function storedViews(world: Pick<LedgerWorld, 'rows'>): Promise<ViewLines> {
  const read = async (columns: string, table: string) =>
    lines(
      (await world.rows<{ line: string }>(`SELECT concat_ws(' ', ${columns}) AS line FROM views.${table}`)).map(
        (row) => row.line,
      ),
    );
  const decimal = (...names: string[]) => names.map((name) => `trim_scale(${name})::text`).join(', ');
  const micros = (name: string) => `(extract(epoch FROM ${name}) * 1000000)::bigint`;
  const own = 'order_id, user_id, symbol, side';
  return {
    trades: await read(`${own}, ${decimal('price', 'quantity', 'cost')}, ${micros('timestamp')}`, 'trades'),
    fills: await read(`trade_id, ${own}, ${decimal('price', 'quantity', 'cost')}, ${micros('timestamp')}`, 'fills'),
    orders: await read(
      `id, user_id, symbol, side, ${decimal('price', 'quantity', 'filled', 'hold')}, status,
       ${micros('placed_at')}, ${micros('updated_at')}, version, first_version`,
      'orders',
    ),
    balances: await read(`user_id, asset, ${decimal('available', 'held')}, version`, 'balances'),
    candles: await read(
      `symbol, ${micros('minute')}, ${decimal('open', 'high', 'low', 'close', 'volume', 'quote_volume')}, count`,
      'candles',
    ),
  };
}

/** Every event of the ledger, in its place. */
export async function ledgerEvents(world: Pick<LedgerWorld, 'rows'>): Promise<EventEnvelope[]> {
  const rows = await world.rows<{ payload: Buffer }>('SELECT payload FROM ledger.events ORDER BY partition, seq');
  return rows.map(({ payload }) => decodeEvent(payload));
}

type Execution = { readonly event: TradeExecuted; readonly partition: number; readonly seq: number };
type Side = { readonly event: TradeExecuted; readonly order: Order };

function executions(events: readonly EventEnvelope[]): readonly Execution[] {
  return events.flatMap(({ event, partition, seq }) =>
    event.type === 'TradeExecuted' ? [{ event, partition, seq }] : [],
  );
}

function sidesOf(events: readonly EventEnvelope[]): readonly Side[] {
  return executions(events).flatMap(({ event }) => [
    { event, order: orderOf(event, event.buyOrderId) },
    { event, order: orderOf(event, event.sellOrderId) },
  ]);
}

function minuteOf({ event }: Execution): string {
  return `${event.symbol} ${Math.floor(event.executedAt / MINUTE)}`;
}

function fillLine({ event, order }: Side): string {
  return line(event.tradeId, owner(order), amounts(event.price, event.quantity, event.cost), event.executedAt);
}

function tradeLine(sides: readonly Side[]): string {
  const [first] = sides;
  if (first === undefined) throw new RangeError('a group has a member');
  const cost = sum(sides.map(({ event }) => event.cost));
  const quantity = sum(sides.map(({ event }) => event.quantity));
  const whole = (cost * SCALE) / quantity;
  const rest = (cost * SCALE) % quantity;
  const price = rest * 2n >= quantity ? whole + 1n : whole;
  const last = Math.max(...sides.map(({ event }) => event.executedAt));
  return line(owner(first.order), amounts(price, quantity, cost), last);
}

function candleLine(trades: readonly Execution[]): string {
  const inOrder = trades.toSorted(
    (a, b) => a.event.executedAt - b.event.executedAt || a.partition - b.partition || a.seq - b.seq,
  );
  const prices = inOrder.map(({ event }) => event.price);
  const ranked = prices.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const first = inOrder[0]?.event;
  const [open, close, low, high] = [prices[0], prices.at(-1), ranked[0], ranked.at(-1)];
  if (first === undefined || open === undefined || close === undefined || low === undefined || high === undefined)
    throw new RangeError('a group has a member');
  const volume = sum(trades.map(({ event }) => event.quantity));
  const quote = sum(trades.map(({ event }) => event.cost));
  const minute = first.executedAt - (first.executedAt % MINUTE);
  return line(first.symbol, minute, amounts(open, high, low, close, volume, quote), trades.length);
}

type OrderState = { readonly order: Order; readonly at: number };

function orderHistories(events: readonly EventEnvelope[]): ReadonlyMap<string, readonly OrderState[]> {
  const states = events.flatMap(({ event, occurredAt }) =>
    event.type === 'CommandRejected' ? [] : event.orders.map((order) => ({ order, at: occurredAt })),
  );
  return Map.groupBy(states, ({ order }) => order.orderId);
}

function orderLine(states: readonly OrderState[]): string {
  const inOrder = states.toSorted((a, b) => a.order.version - b.order.version);
  const [first, last] = [inOrder[0], inOrder.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('a group has a member');
  const { price, quantity, filled, hold, status, version } = last.order;
  const values = amounts(price, quantity, filled, hold);
  return line(owner(last.order), values, status, first.at, last.at, version, first.order.version);
}

function newestBalances(events: readonly EventEnvelope[]): readonly string[] {
  const balances = events.flatMap(({ event }) => (event.type === 'CommandRejected' ? [] : event.balances));
  return [...Map.groupBy(balances, ({ userId, asset }) => `${userId} ${asset}`)].map(([key, versions]) => {
    const newest = versions.reduce((a, b) => (b.version > a.version ? b : a));
    return line(key, amounts(newest.available, newest.held), newest.version);
  });
}

function orderOf({ orders }: TradeExecuted, orderId: string): Order {
  const order = orders.find((each) => each.orderId === orderId);
  if (order === undefined) throw new RangeError('a trade carries both orders');
  return order;
}

const owner = ({ orderId, userId, symbol, side }: Order) => line(orderId, userId, symbol, side);
const amounts = (...values: bigint[]) => values.map(formatAmount).join(' ');
const line = (...parts: (string | number)[]) => parts.join(' ');
const lines = (all: readonly string[]) => all.toSorted();
const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n);
