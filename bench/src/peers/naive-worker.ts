import { encodeEvent, payloadHash } from '@tradestream/contracts';
import { amountFromNumeric, openSession, type Session } from '@tradestream/database';
import type { Closeable } from '@tradestream/runtime';
import {
  commandKey,
  decide,
  evolve,
  formatAmount,
  InMemoryState,
  type Order,
  type OrderStatus,
  type Side,
  type TradeCommand,
  type TradeEvent,
} from '@tradestream/trading';
import type { LoadCommand } from '../load.ts';
import { NAIVE_SQL, type NaiveStatement } from './naive-statements.ts';

const CONNECT_TIMEOUT_MS = 10_000;

type OrderRow = Record<
  'order_id' | 'user_id' | 'symbol' | 'price' | 'quantity' | 'filled' | 'hold' | 'version',
  string
> & {
  side: Side;
  status: OrderStatus;
};
type BalanceRow = Record<'user_id' | 'asset' | 'available' | 'held' | 'version', string>;

/**
 * A consumer as it is written first: one transaction a command, each statement awaited. It is given
 * its commands from memory and publishes nothing, so that it does less than the product.
 */
export class NaiveWorker implements Closeable {
  readonly #session: Session;
  readonly #lane: number;

  private constructor(session: Session, lane: number) {
    this.#session = session;
    this.#lane = lane;
  }

  /** Each lane has a partition row of its own, so that lanes do not wait for one another there. */
  static async open(url: string, lane: number): Promise<NaiveWorker> {
    const session = await openSession({
      url,
      applicationName: 'bench-naive',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      requireDurable: true,
    });
    const worker = new NaiveWorker(session, lane);
    await session.query({
      text: `INSERT INTO ledger.partitions (topic, partition) VALUES ('naive', $1) ON CONFLICT DO NOTHING`,
      values: [lane],
    });
    return worker;
  }

  async apply({ commandId, command }: LoadCommand): Promise<void> {
    await this.#run('begin', []);
    const known = await this.#run('receipt', [commandId]);
    if (known.length > 0) {
      await this.#run('commit', []);
      return;
    }
    const state = await this.#load(command);
    const decision = decide(command, state);
    const event: TradeEvent = decision.accepted
      ? decision.event
      : { type: 'CommandRejected', reason: decision.reason, command };
    const hash = payloadHash(command);
    const [moved] = await this.#run<{ seq: string }>('partition', [this.#lane, hash]);
    const seq = Number(moved?.seq);
    if (event.type !== 'CommandRejected') await this.#write(event, state, seq);
    const outcome = decision.accepted ? 'applied' : 'rejected';
    const reason = decision.accepted ? null : decision.reason;
    const place = { partition: this.#lane, seq, timeline: 1, batch: seq };
    const payload = encodeEvent({ ...place, commandId, occurredAt: Date.now() * 1_000, event });
    await this.#run('addReceipt', [commandId, hash, outcome, reason, this.#lane, seq - 1, seq, seq]);
    await this.#run('addEvent', [this.#lane, seq, seq, event.type, commandKey(command), payload, commandId]);
    await this.#run('commit', []);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #load(command: TradeCommand): Promise<InMemoryState> {
    const state = new InMemoryState();
    const orders: Order[] = [];
    const orderIds = orderIdsOf(command);
    if (orderIds.length > 0) {
      const rows = await this.#run<OrderRow>('order', [orderIds]);
      for (const row of rows) orders.push(orderOf(row));
    }
    for (const order of orders) state.setOrder(order);
    if (command.type === 'ExecuteTrade') {
      const found = await this.#run('trade', [command.symbol, command.tradeId]);
      if (found.length > 0) state.addTrade(command.symbol, command.tradeId);
    }
    const keys = balancesOf(command, orders);
    const balances = await this.#run<BalanceRow>('balance', [
      keys.map(([user]) => user),
      keys.map(([, asset]) => asset),
    ]);
    for (const row of balances) {
      state.setBalance({
        userId: row.user_id,
        asset: row.asset,
        available: amountFromNumeric(row.available),
        held: amountFromNumeric(row.held),
        version: Number(row.version),
      });
    }
    return state;
  }

  async #write(
    event: Exclude<TradeEvent, { type: 'CommandRejected' }>,
    state: InMemoryState,
    seq: number,
  ): Promise<void> {
    const isNew = event.type === 'OrderPlaced';
    evolve(state, event);
    for (const { userId, asset, version, available, held } of event.balances) {
      await this.#run('writeBalance', [userId, asset, version, formatAmount(available), formatAmount(held)]);
    }
    for (const order of event.orders) {
      const { orderId, status, filled, hold, version } = order;
      if (isNew) await this.#run('addOrder', valuesOf(order));
      else await this.#run('writeOrder', [orderId, status, formatAmount(filled), formatAmount(hold), version]);
    }
    if (event.type === 'TradeExecuted') await this.#run('addTrade', [event.symbol, event.tradeId, this.#lane, seq]);
  }

  async #run<Row extends object>(name: NaiveStatement, values: readonly unknown[]): Promise<readonly Row[]> {
    if (name === 'commit') {
      await this.#session.commit();
      return [];
    }
    const { rows } = await this.#session.query<Row>({ name: `naive_${name}`, text: NAIVE_SQL[name], values });
    return rows;
  }
}

function orderIdsOf(command: TradeCommand): readonly string[] {
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return [];
    case 'PlaceOrder':
    case 'AmendOrder':
    case 'CancelOrder':
      return [command.orderId];
    case 'ExecuteTrade':
      return [command.buyOrderId, command.sellOrderId];
  }
}

function balancesOf(command: TradeCommand, orders: readonly Order[]): readonly (readonly [string, string])[] {
  if (command.type === 'DepositFunds' || command.type === 'WithdrawFunds') return [[command.userId, command.asset]];
  const owners = command.type === 'PlaceOrder' ? [command] : orders;
  return owners.flatMap(({ userId, symbol }) => symbol.split('-').map((asset) => [userId, asset] as const));
}

function orderOf(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    userId: row.user_id,
    symbol: row.symbol,
    side: row.side,
    status: row.status,
    price: amountFromNumeric(row.price),
    quantity: amountFromNumeric(row.quantity),
    filled: amountFromNumeric(row.filled),
    hold: amountFromNumeric(row.hold),
    version: Number(row.version),
  };
}

function valuesOf(order: Order): readonly unknown[] {
  const { orderId, userId, symbol, side, status, price, quantity, filled, hold, version } = order;
  const amounts = [price, quantity, filled, hold].map(formatAmount);
  return [orderId, userId, symbol, side, status, ...amounts, version];
}
