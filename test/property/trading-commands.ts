import { type Amount, LIMIT, type TradeCommand, UNIT } from '@tradestream/trading';
import fc from 'fast-check';

/** What a random sequence may look at to make commands that hit something. */
export type Known = {
  readonly orderIds: readonly string[];
  readonly openOrders: readonly {
    readonly orderId: string;
    readonly userId: string;
    readonly symbol: string;
    readonly side: 'buy' | 'sell';
    readonly price: Amount;
    readonly left: Amount;
  }[];
};

/** A command that is complete only once the state is known: a trade names orders that are there. */
export type Intent = (known: Known) => TradeCommand;

const users = fc.constantFrom('ann', 'bob', 'cy');
const assets = fc.constantFrom('BTC', 'ETH', 'USD');
const symbols = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('BTC-USD', 'BTC-USD', 'ETH-USD', 'BTC-ETH') },
  { weight: 1, arbitrary: fc.constantFrom('BTC', 'BTC-BTC', 'btc-usd', 'BTC-USD-ETH', 'B-USD') },
);
const orderIds = fc.constantFrom(...Array.from({ length: 40 }, (_, index) => `o${index}`));
const tradeIds = fc.constantFrom('t0', 't1', 't2', 't3', 't4', 't5', 't6', 't7');
const sides = fc.constantFrom('buy', 'sell');
const executedAt = fc.integer({ min: 0, max: 7_000_000_000_000_000 });

const small = fc.integer({ min: 1, max: 30 }).map((count) => BigInt(count) * UNIT);
const fine = fc.bigInt({ min: 1n, max: 9n * UNIT });
const dust = fc.bigInt({ min: 1n, max: 12n });
const amounts = fc.oneof(
  { weight: 8, arbitrary: small },
  { weight: 4, arbitrary: fine },
  { weight: 2, arbitrary: dust },
  { weight: 1, arbitrary: fc.bigInt({ min: -2n, max: 0n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: LIMIT - 40n * UNIT, max: LIMIT - 1n }) },
);
const prices = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 3, max: 6 }).map((count) => BigInt(count) * UNIT) },
  { weight: 2, arbitrary: fine },
  { weight: 1, arbitrary: amounts },
);
const deposits = fc.oneof(
  { weight: 12, arbitrary: small.map((amount) => amount * 20n) },
  { weight: 2, arbitrary: amounts },
  // Beside the wealth below it leaves little room: the next trade may find the balance full.
  { weight: 2, arbitrary: fc.bigInt({ min: LIMIT - 900n * UNIT, max: LIMIT - 690n * UNIT }) },
);

const funds = fc
  .record({
    type: fc.constantFrom('DepositFunds' as const, 'DepositFunds' as const, 'WithdrawFunds' as const),
    userId: users,
    asset: assets,
    large: deposits,
    usual: amounts,
  })
  .map(({ type, userId, asset, large, usual }): Intent => {
    return () => ({ type, userId, asset, amount: type === 'DepositFunds' ? large : usual });
  });

const placements = fc
  .record({ orderId: orderIds, userId: users, symbol: symbols, side: sides, price: prices, quantity: amounts })
  .map(
    (order): Intent =>
      () => ({ type: 'PlaceOrder', ...order }),
  );

const amendments = fc
  .record({
    orderId: orderIds,
    symbol: symbols,
    price: fc.option(amounts),
    quantity: fc.option(amounts),
    pick: fc.nat(),
    aimed: fc.boolean(),
  })
  .map(({ pick, aimed, ...amendment }): Intent => {
    return ({ openOrders }) => {
      const order = aimed ? openOrders[pick % Math.max(1, openOrders.length)] : undefined;
      const { price, quantity } = amendment;
      if (order === undefined) return { type: 'AmendOrder', ...amendment };
      return {
        type: 'AmendOrder',
        orderId: order.orderId,
        symbol: order.symbol,
        price: pick % 3 === 0 ? order.price : price,
        quantity: pick % 5 === 0 ? order.left : quantity,
      };
    };
  });

const cancellations = fc.record({ orderId: orderIds, symbol: symbols }).map(
  (cancellation): Intent =>
    () => ({ type: 'CancelOrder', ...cancellation }),
);

const wildTrades = fc
  .record({
    tradeId: tradeIds,
    symbol: symbols,
    buyOrderId: orderIds,
    sellOrderId: orderIds,
    price: amounts,
    quantity: amounts,
    executedAt,
    pick: fc.nat(),
  })
  .map(({ pick, ...trade }): Intent => {
    return (known) => ({
      type: 'ExecuteTrade',
      ...trade,
      buyOrderId: known.orderIds[pick % 41] ?? trade.buyOrderId,
      sellOrderId: known.orderIds[pick % 37] ?? trade.sellOrderId,
    });
  });

/** Trades of a buy and a sell that are open; price and quantity within what both allow, or just beyond. */
const aimedTrades = fc
  .record({ tradeId: tradeIds, executedAt, pick: fc.nat(), other: fc.nat(), part: fc.integer({ min: 1, max: 16 }) })
  .map(({ tradeId, executedAt: time, pick, other, part }): Intent => {
    return ({ openOrders }) => {
      const pairs = openOrders
        .filter((order) => order.side === 'buy')
        .flatMap((bid) => openOrders.filter((ask) => mayMeet(bid, ask)).map((ask) => [bid, ask] as const))
        .filter(([bid, ask]) => pick % 5 === 0 || bid.userId !== ask.userId);
      const [buy, sell] = pairs[pick % Math.max(1, pairs.length)] ?? [];
      const left = buy !== undefined && sell !== undefined && sell.left < buy.left ? sell.left : (buy?.left ?? UNIT);
      const quantity = part > 12 ? left + BigInt(part - 13) : (left * BigInt(part)) / 12n;
      const [bid, ask] = [buy?.price ?? UNIT, sell?.price ?? UNIT];
      return {
        type: 'ExecuteTrade',
        tradeId: `${tradeId}-${pick % 4}`,
        symbol: buy?.symbol ?? 'BTC-USD',
        buyOrderId: buy?.orderId ?? 'o0',
        sellOrderId: sell?.orderId ?? 'o1',
        price: [ask, bid, ask + 1n, bid - 1n, bid + 1n, ask - 1n, ask, bid][other % 8] ?? bid,
        quantity,
        executedAt: time,
      };
    };
  });

function mayMeet(bid: Known['openOrders'][number], ask: Known['openOrders'][number]): boolean {
  return ask.side === 'sell' && ask.symbol === bid.symbol && ask.price <= bid.price;
}

/** So that most orders find funds. */
const wealth: readonly Intent[] = ['ann', 'bob', 'cy'].flatMap((userId) =>
  ['BTC', 'ETH', 'USD'].map(
    (asset): Intent =>
      () => ({ type: 'DepositFunds', userId, asset, amount: 700n * UNIT }),
  ),
);

/** Sequences of commands in which orders are placed, amended and filled, and every reason comes up. */
export const intentSequences: fc.Arbitrary<readonly Intent[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: funds },
      { weight: 6, arbitrary: placements },
      { weight: 4, arbitrary: amendments },
      { weight: 1, arbitrary: cancellations },
      { weight: 1, arbitrary: wildTrades },
      { weight: 6, arbitrary: aimedTrades },
    ),
    { minLength: 1, maxLength: 150, size: 'max' },
  )
  .map((intents) => (intents.length % 4 === 0 ? intents : [...wealth, ...intents]));
