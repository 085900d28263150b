import { z } from 'zod';
import { amountText, count, side, timeText } from './shape-parts.ts';

/** A page of a list; `nextCursor` is null on the last. */
export function listAnswer<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
export type ListAnswer<Item> = { readonly items: readonly Item[]; readonly nextCursor: string | null };

export const balancesAnswer = z.object({
  userId: z.string(),
  balances: z.array(z.object({ asset: z.string(), available: amountText, held: amountText })),
});
export type BalancesAnswer = Readonly<z.infer<typeof balancesAnswer>>;

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
export type FillAnswer = Readonly<z.infer<typeof fillAnswer>>;

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
export type CandleAnswer = Readonly<z.infer<typeof candleAnswer>>;
