import { z } from 'zod';
import { amountText, count, side, timeText } from './shape-parts.ts';

/** A page of a list; `nextCursor` is null on the last. */
export function listAnswer<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
/** A page of items, as `listAnswer` says. */
export type ListAnswer<Item> = { readonly items: readonly Item[]; readonly nextCursor: string | null };

/** All balances of one user, by asset; none for a user that nobody knows. */
export const balancesAnswer = z.object({
  userId: z.string(),
  balances: z.array(z.object({ asset: z.string(), available: amountText, held: amountText })),
});
/** Answer of `/v1/balances/{userId}`. */
export type BalancesAnswer = Readonly<z.infer<typeof balancesAnswer>>;

/** An order after its newest event. */
export const orderAnswer = z.object({
  orderId: z.string(),
  userId: z.string(),
  symbol: z.string(),
  side,
  price: amountText,
  quantity: amountText,
  filled: amountText,
  hold: amountText,
  status: z.enum(['open', 'partially_filled', 'filled', 'cancelled']),
  placedAt: timeText,
  updatedAt: timeText,
});
/** Answer of `/v1/orders/{id}`, and item of `/v1/orders`. */
export type OrderAnswer = Readonly<z.infer<typeof orderAnswer>>;

/** One row per order that has executed; `id` is the order's. */
export const tradeAnswer = z.object({
  id: z.string(),
  orderId: z.string(),
  userId: z.string(),
  symbol: z.string(),
  side,
  price: amountText,
  quantity: amountText,
  timestamp: timeText,
});
/** Item of `/v1/trades`. */
export type TradeAnswer = Readonly<z.infer<typeof tradeAnswer>>;

/** One row per side of a trade. */
export const fillAnswer = z.object({
  tradeId: z.string(),
  orderId: z.string(),
  userId: z.string(),
  symbol: z.string(),
  side,
  price: amountText,
  quantity: amountText,
  cost: amountText,
  timestamp: timeText,
});
/** Item of `/v1/fills`. */
export type FillAnswer = Readonly<z.infer<typeof fillAnswer>>;

/** A minute of one symbol. */
export const candleAnswer = z.object({
  symbol: z.string(),
  minute: timeText,
  open: amountText,
  high: amountText,
  low: amountText,
  close: amountText,
  volume: amountText,
  quoteVolume: amountText,
  count,
});
/** Item of `/v1/candles`. */
export type CandleAnswer = Readonly<z.infer<typeof candleAnswer>>;
