import { newCommandId } from '@tradestream/contracts';
import { decide, parseAmount, type TradeCommand } from '@tradestream/trading';
import type { Sent } from './ledger-world.ts';

export const PAIRS = 10;
/** Pairs whose trades have a cost of more than 18 decimals: rounding matters to them alone. */
export const ROUNDED = 3;
export const TRADES = 1_000;
const SYMBOL = 'AAA-USD';

/** The rule that `plant-rounding.ts` plants. */
export const roundUp: typeof decide = (command, state) => {
  const decision = decide(command, state);
  if (!decision.accepted || decision.event.type !== 'TradeExecuted' || command.type !== 'ExecuteTrade') return decision;
  const { event } = decision;
  const more = (command.price * command.quantity) % 10n ** 18n === 0n ? 0n : 1n;
  const [buyerQuote, buyerBase, sellerBase, sellerQuote] = event.balances;
  if (buyerQuote === undefined || buyerBase === undefined || sellerBase === undefined || sellerQuote === undefined)
    throw new Error('a trade moves four balances');
  const balances = [
    { ...buyerQuote, available: buyerQuote.available - more },
    buyerBase,
    sellerBase,
    { ...sellerQuote, available: sellerQuote.available + more },
  ];
  return { accepted: true, event: { ...event, cost: event.cost + more, balances } };
};

export function fundsOf(n: number): readonly Sent[] {
  return [
    sent({ type: 'DepositFunds', userId: `buyer-${n}`, asset: 'USD', amount: amount('1000') }),
    sent({ type: 'DepositFunds', userId: `seller-${n}`, asset: 'AAA', amount: amount('1000') }),
  ];
}

export function ordersOf(n: number): readonly Sent[] {
  const order = { type: 'PlaceOrder', symbol: SYMBOL, quantity: amount('100') } as const;
  return [
    sent({ ...order, orderId: `buy-${n}`, userId: `buyer-${n}`, side: 'buy', price: amount('2') }),
    sent({ ...order, orderId: `sell-${n}`, userId: `seller-${n}`, side: 'sell', price: amount('1') }),
  ];
}

export function tradeOf(n: number): Sent {
  const pair = n % PAIRS;
  const price = amount(pair < ROUNDED ? '1.333333333333333333' : '1.25');
  return sent({
    type: 'ExecuteTrade',
    tradeId: `t-${n}`,
    symbol: SYMBOL,
    buyOrderId: `buy-${pair}`,
    sellOrderId: `sell-${pair}`,
    price,
    quantity: amount('0.5'),
    executedAt: 1_700_000_000_000_000 + n,
  });
}

export function sent(command: TradeCommand): Sent {
  return { commandId: newCommandId(), command };
}

export function amount(text: string): bigint {
  const parsed = parseAmount(text);
  if (parsed === null) throw new Error(`${text} is no amount`);
  return parsed;
}

export function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, n) => n);
}
