import { REASONS } from '@tradestream/trading';
import { z } from 'zod';
import { count, recordPlace } from './shape-parts.ts';

/** A command that was published: where its record stands. */
export const publishedAnswer = recordPlace.extend({ commandId: z.uuid() });
/** Answer to a command that was published and not waited for. */
export type PublishedAnswer = Readonly<z.infer<typeof publishedAnswer>>;

/** What can become of a command; each record of the log has one of them, or was a duplicate or a conflict. */
export const OUTCOMES = ['applied', 'rejected', 'parked', 'discarded'] as const;
/** One of `OUTCOMES`. */
export type Outcome = (typeof OUTCOMES)[number];

const eventTypes = [
  'FundsDeposited',
  'FundsWithdrawn',
  'OrderPlaced',
  'OrderAmended',
  'OrderCancelled',
  'TradeExecuted',
  'CommandRejected',
] as const;

/**
 * What became of a command. `reason` is there for a rejected one, and for a parked or discarded one
 * why it was set aside; batch and index are null where no batch has decided.
 */
export const receiptAnswer = recordPlace.extend({
  commandId: z.uuid(),
  outcome: z.enum(OUTCOMES),
  reason: z.union([z.enum(REASONS), z.string()]).optional(),
  batch: count.nullable(),
  index: count.nullable(),
  events: z.array(z.object({ partition: count, seq: count, type: z.enum(eventTypes) })),
  conflicts: z.array(recordPlace),
  token: z.string(),
});
/** Answer of `/v1/receipts/{commandId}`, and to a command that was waited for. */
export type ReceiptAnswer = Readonly<z.infer<typeof receiptAnswer>>;

/** RFC 9457, with a code that never changes; `field`, `rule` and `index` for an item that is no command. */
export const problemAnswer = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string().optional(),
  instance: z.string().optional(),
  code: z.string(),
  field: z.string().optional(),
  rule: z.string().optional(),
  index: count.optional(),
});
/** Answer to whatever went wrong, and the place of a bad item in a batch of answers. */
export type ProblemAnswer = Readonly<z.infer<typeof problemAnswer>>;
