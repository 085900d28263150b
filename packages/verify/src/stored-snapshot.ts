import { type Balance, type EventEnvelope, formatAmount, type Order } from '@tradestream/trading';
import { expectHolds } from './contradiction.ts';
import { balanceKey, type Market } from './model/market.ts';
import { differenceOf, sameOrder } from './model/replay.ts';
import { loadRows, readPages } from './pages.ts';
import type { Snapshot } from './snapshot.ts';
import { type BalanceRow, type OrderRow, orderOf } from './state.ts';
import { unitsOf } from './units.ts';

type Stored<Value> = { readonly value: Value; met: boolean };
type Head = { readonly id: string; readonly seqs: Readonly<Record<string, number>> };

/**
 * The newest stored snapshot is what the events of its sequences come to. Versions say which event each
 * of its values is after: a later one within those sequences contradicts, and so does one that no
 * event gave.
 */
export class StoredSnapshotCheck {
  readonly #head: Head | null;
  readonly #balances = new Map<string, Stored<Balance>>();
  readonly #orders = new Map<string, Stored<Order>>();

  private constructor(head: Head | null) {
    this.#head = head;
  }

  /** `market` as it stands before the first event. */
  static async open({ session, topic, base }: Snapshot, market: Market): Promise<StoredSnapshotCheck> {
    const [head = null] = await loadRows<Head>(
      session,
      'SELECT id::text AS id, seqs FROM ledger.snapshots WHERE topic = $1 ORDER BY snapshots.id DESC LIMIT 1',
      [topic],
    );
    // What the fold begins from gives itself.
    const check = new StoredSnapshotCheck(head?.id === base?.id ? null : head);
    if (check.#head !== null) await check.#load(session, check.#head.id);
    for (const { now } of market.balances.values()) check.#takeBalance(now, `snapshot ${base?.id}`);
    for (const { now } of market.orders.values()) check.#takeOrder(now, `snapshot ${base?.id}`);
    return check;
  }

  /** The next event. @throws {Contradiction} */
  take({ partition, seq, event }: EventEnvelope): void {
    if (this.#head === null || seq > (this.#head.seqs[String(partition)] ?? 0) || event.type === 'CommandRejected')
      return;
    for (const balance of event.balances) this.#takeBalance(balance, `event ${partition}/${seq}`);
    for (const order of event.orders) this.#takeOrder(order, `event ${partition}/${seq}`);
  }

  #takeBalance(balance: Balance, giver: string): void {
    if (this.#head === null) return;
    const stored = this.#balances.get(balanceKey(balance.userId, balance.asset));
    const wrong = this.#meet(stored, balance, ({ value }) => {
      const fits = value.available === balance.available && value.held === balance.held;
      return fits ? null : `is ${textOf(value)}, ${giver} gives ${textOf(balance)}`;
    });
    expectHolds(
      'state',
      wrong === null,
      () => `snapshot ${this.#head?.id}: ${balance.userId} ${balance.asset} ${wrong}`,
    );
  }

  #takeOrder(order: Order, giver: string): void {
    if (this.#head === null) return;
    const wrong = this.#meet(this.#orders.get(order.orderId), order, ({ value }) =>
      sameOrder(value, order) ? null : `${differenceOf(value, order)}, as ${giver} gives it`,
    );
    expectHolds('state', wrong === null, () => `snapshot ${this.#head?.id}: order ${order.orderId} ${wrong}`);
  }

  /** @throws {Contradiction} */
  end(): void {
    for (const [key, { met }] of [...this.#balances, ...this.#orders]) {
      expectHolds('state', met, () => `snapshot ${this.#head?.id}: ${key} is as no event left it`);
    }
  }

  /** What is wrong with the stored value, seen an event that is in it. */
  #meet<Value extends { readonly version: number }>(
    stored: Stored<Value> | undefined,
    told: Value,
    compare: (stored: Stored<Value>) => string | null,
  ): string | null {
    if (stored === undefined) return 'is missing';
    if (stored.value.version < told.version)
      return `has version ${stored.value.version}, its events give ${told.version}`;
    if (stored.value.version > told.version) return null;
    stored.met = true;
    return compare(stored);
  }

  async #load(session: Snapshot['session'], id: string): Promise<void> {
    const balances =
      'SELECT user_id, asset, available::text, held::text, version::float8 AS version FROM ledger.snapshot_balances';
    for await (const page of readPages<BalanceRow>(session, {
      text: `${balances} WHERE snapshot_id = $1`,
      values: [id],
    })) {
      for (const { user_id: userId, asset, available, held, version } of page) {
        const value = { userId, asset, available: unitsOf(available), held: unitsOf(held), version };
        this.#balances.set(balanceKey(userId, asset), { value, met: false });
      }
    }
    const orders = `SELECT order_id, user_id, symbol, side::text, price::text, quantity::text, filled::text, hold::text, status::text,
                           version::float8 AS version FROM ledger.snapshot_orders WHERE snapshot_id = $1`;
    for await (const page of readPages<OrderRow>(session, { text: orders, values: [id] })) {
      for (const row of page) this.#orders.set(row.order_id, { value: orderOf(row), met: false });
    }
  }
}

function textOf({ available, held }: Balance): string {
  return `${formatAmount(available)} + ${formatAmount(held)}`;
}
