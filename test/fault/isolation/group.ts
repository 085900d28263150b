import { formatAmount, type TradeCommand, UNIT } from '@tradestream/trading';
import type { SeededRandom } from '../../../bench/src/random.ts';

/** Trades of one group: the k-th moves 4^k of the smallest unit, so that a balance tells which have changed it. */
export const TRADES = 56;
const START = 10n ** 37n;
const USERS = 4;

/** A trade of the group: from which it can be told what a balance must show after it. */
export type GroupTrade = {
  readonly index: number;
  readonly buyer: string;
  readonly seller: string;
  readonly command: TradeCommand;
};

/** Users who trade with each other alone, in one symbol. */
export type Group = {
  readonly users: readonly string[];
  readonly assets: readonly [string, string];
  readonly setup: readonly TradeCommand[];
  readonly orders: readonly TradeCommand[];
  readonly trades: readonly GroupTrade[];
};

export function makeGroup(number: number, random: SeededRandom): Group {
  const base = `ISO${number}`;
  const symbol = `${base}-USD`;
  const users = Array.from({ length: USERS }, (_, index) => `iso-${number}-${index}`);
  const setup = users.flatMap((userId) =>
    ['USD', base].map((asset): TradeCommand => ({ type: 'DepositFunds', userId, asset, amount: START })),
  );
  const orders: TradeCommand[] = [];
  const trades: GroupTrade[] = [];
  for (let index = 0; index < TRADES; index += 1) {
    const first = random.below(USERS);
    const buyer = users[first] ?? '';
    const seller = users[(first + 1 + random.below(USERS - 1)) % USERS] ?? '';
    const quantity = 4n ** BigInt(index);
    const [buyOrderId, sellOrderId] = [`iso-${number}-${index}-b`, `iso-${number}-${index}-s`];
    const order = { type: 'PlaceOrder', symbol, price: UNIT, quantity } as const;
    orders.push({ ...order, orderId: buyOrderId, userId: buyer, side: 'buy' });
    orders.push({ ...order, orderId: sellOrderId, userId: seller, side: 'sell' });
    const trade = { type: 'ExecuteTrade', symbol, buyOrderId, sellOrderId, price: UNIT, quantity } as const;
    trades.push({
      index,
      buyer,
      seller,
      command: { ...trade, tradeId: `iso-${number}-${index}`, executedAt: 1_610_064_000_000_000 },
    });
  }
  return { users, assets: ['USD', base], setup, orders, trades };
}

export function keyOf(userId: string, asset: string): string {
  return `${userId} ${asset}`;
}

/** The balances that a trade changes. */
export function keysOf(group: Group, { buyer, seller }: GroupTrade): readonly string[] {
  return [buyer, seller].flatMap((userId) => group.assets.map((asset) => keyOf(userId, asset)));
}

/**
 * The trades that have changed a balance, from its amount alone: digits to the base of 4, of which each
 * is 0, or 1 more or less. @throws for an amount that no set of trades comes to
 */
export function tradesIn(amount: bigint): ReadonlySet<number> {
  const found = new Set<number>();
  let rest = amount - START;
  for (let index = 0; index < TRADES; index += 1) {
    const digit = ((rest % 4n) + 4n) % 4n;
    if (digit === 2n) throw new RangeError(`${formatAmount(amount)} is the sum of no trades`);
    if (digit === 0n) rest /= 4n;
    else {
      found.add(index);
      rest = (rest - (digit === 1n ? 1n : -1n)) / 4n;
    }
  }
  if (rest !== 0n) throw new RangeError(`${formatAmount(amount)} is the sum of no trades`);
  return found;
}
