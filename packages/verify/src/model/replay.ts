import { type Balance, type EventEnvelope, formatAmount, type Order } from '@tradestream/trading';
import { expectHolds } from '../contradiction.ts';
import { askedBy } from './asked-by.ts';
import { balanceKey, type Market, tradeKey } from './market.ts';
import { type Ruling, ruleOn, type Transfer } from './rulebook.ts';

/** A refusal that may stand because of a race: the order must turn up later under another symbol. */
type Unsettled = { readonly envelope: EventEnvelope; readonly orderIds: readonly string[]; readonly symbol: string };

const RACING: ReadonlySet<string> = new Set(['UNKNOWN_ORDER', 'SYMBOL_MISMATCH']);

/** Decides the history again, command by command, and holds every event against what the rules give. */
export class Replay {
  readonly #market: Market;
  readonly #unsettled: Unsettled[] = [];

  constructor(market: Market) {
    this.#market = market;
  }

  /** The next event in history order. @throws {Contradiction} */
  take(envelope: EventEnvelope): void {
    const { event } = envelope;
    const ruling = ruleOn(askedBy(event), this.#market);
    if (event.type === 'CommandRejected') {
      this.#checkRefusal(envelope, event.reason, ruling.refused);
      return;
    }
    expectHolds(
      'history',
      ruling.refused === null,
      () => `${nameOf(envelope)} is ${event.type}; decided again it is refused: ${ruling.refused}`,
    );
    if (ruling.refused !== null) return;
    const cost = event.type === 'TradeExecuted' ? event.cost : 0n;
    expectHolds(
      'history',
      cost === ruling.cost,
      () => `${nameOf(envelope)} has the cost ${formatAmount(cost)}, the rules give ${formatAmount(ruling.cost)}`,
    );
    this.#bookBalances(envelope, event.balances, ruling.transfers);
    this.#bookOrders(envelope, event.orders, ruling.orders);
    if (event.type === 'TradeExecuted')
      this.#market.trades.set(tradeKey(event.symbol, event.tradeId), placeOf(envelope));
  }

  /** @throws {Contradiction} for a refusal that no race explains */
  end(): void {
    for (const { envelope, orderIds, symbol } of this.#unsettled) {
      const raced = orderIds.some((orderId) => (this.#market.order(orderId)?.symbol ?? symbol) !== symbol);
      expectHolds(
        'history',
        raced,
        () =>
          `${nameOf(envelope)} was refused for SYMBOL_MISMATCH; decided again for UNKNOWN_ORDER, and no race explains it`,
      );
    }
  }

  /**
   * Across keys the history order is that of batches: of an order id that races under two symbols two
   * refusals may change places, and a placement may be refused for want of funds that came second, as
   * decision 0009 says. Nothing else may.
   */
  #checkRefusal(envelope: EventEnvelope, reason: string, again: Ruling['refused']): void {
    if (again === reason) return;
    const command = askedBy(envelope.event);
    const raced = again !== null && RACING.has(reason) && RACING.has(again);
    expectHolds(
      'history',
      raced || (reason === 'INSUFFICIENT_FUNDS' && again === 'DUPLICATE_ORDER' && this.#isPlacedElsewhere(command)),
      () => `${nameOf(envelope)} was refused for ${reason}; decided again it is ${again ?? 'accepted'}`,
    );
    if (again !== 'UNKNOWN_ORDER') return;
    if (command.type === 'DepositFunds' || command.type === 'WithdrawFunds') return;
    const orderIds = command.type === 'ExecuteTrade' ? [command.buyOrderId, command.sellOrderId] : [command.orderId];
    this.#unsettled.push({ envelope, orderIds, symbol: command.symbol });
  }

  /** Whether its order id was taken under another symbol, in another partition then. */
  #isPlacedElsewhere(command: ReturnType<typeof askedBy>): boolean {
    return command.type === 'PlaceOrder' && this.#market.order(command.orderId)?.symbol !== command.symbol;
  }

  #bookBalances(envelope: EventEnvelope, told: readonly Balance[], transfers: readonly Transfer[]): void {
    expectHolds(
      'history',
      told.length === transfers.length,
      () => `${nameOf(envelope)} names ${told.length} balances, the rules move ${transfers.length}`,
    );
    for (const { userId, asset, available, held } of transfers) {
      const key = balanceKey(userId, asset);
      const known = this.#market.balances.get(key);
      const now = told.find((balance) => balance.userId === userId && balance.asset === asset);
      const fits =
        now !== undefined &&
        now.available === (known?.now.available ?? 0n) + available &&
        now.held === (known?.now.held ?? 0n) + held &&
        now.version === (known?.now.version ?? 0) + 1;
      expectHolds('history', fits, () => {
        const before = known === undefined ? 'nothing' : textOf(known.now);
        return `${nameOf(envelope)}: ${userId} ${asset} after it is ${now === undefined ? 'missing' : textOf(now)}; before it was ${before}, and the rules add ${formatAmount(available)} available and ${formatAmount(held)} held`;
      });
      if (now === undefined) continue;
      expectHolds(
        'no negative',
        now.available >= 0n && now.held >= 0n,
        () => `${nameOf(envelope)}: ${userId} ${asset} is ${textOf(now)}`,
      );
      if (known === undefined) this.#market.balances.set(key, { now, shown: null, met: 0 });
      else known.now = now;
    }
  }

  #bookOrders(envelope: EventEnvelope, told: readonly Order[], ruled: readonly Order[]): void {
    expectHolds(
      'history',
      told.length === ruled.length,
      () => `${nameOf(envelope)} names ${told.length} orders, the rules change ${ruled.length}`,
    );
    for (const [index, order] of ruled.entries()) {
      const now = told[index];
      expectHolds(
        'history',
        now !== undefined && sameOrder(now, order),
        () =>
          `${nameOf(envelope)}: order ${order.orderId} after it differs from the rules: ${differenceOf(now, order)}`,
      );
      if (now === undefined) continue;
      const known = this.#market.orders.get(order.orderId);
      if (known === undefined) this.#market.orders.set(order.orderId, { now, shown: null, met: 0 });
      else known.now = now;
    }
  }
}

export function sameOrder(a: Order, b: Order): boolean {
  return (
    a.orderId === b.orderId &&
    a.userId === b.userId &&
    a.symbol === b.symbol &&
    a.side === b.side &&
    a.price === b.price &&
    a.quantity === b.quantity &&
    a.filled === b.filled &&
    a.hold === b.hold &&
    a.status === b.status &&
    a.version === b.version
  );
}

/** The fields in which what was found differs from what should be. */
export function differenceOf(found: Order | undefined, should: Order): string {
  if (found === undefined) return 'it is missing';
  const wanted = new Map<string, unknown>(Object.entries(should));
  const differing = Object.entries(found).filter(([field, value]) => wanted.get(field) !== value);
  return differing.map(([field, value]) => `${field} is ${shown(value)}, not ${shown(wanted.get(field))}`).join('; ');
}

function shown(value: unknown): string {
  return typeof value === 'bigint' ? formatAmount(value) : String(value);
}

function textOf({ available, held, version }: Balance): string {
  return `${formatAmount(available)} + ${formatAmount(held)} (version ${version})`;
}

function placeOf({ partition, seq }: EventEnvelope) {
  return { partition, seq };
}

function nameOf({ partition, seq, commandId }: EventEnvelope): string {
  return `event ${partition}/${seq} (command ${commandId})`;
}
