import { z } from 'zod';

/** Canonical decimal: no exponent, no trailing zeros, `0` for zero. */
export const amountText = z.string().regex(/^(?!-0$)-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$/);

/** UTC with milliseconds, as `2021-01-08T00:00:00.278Z`. */
export const timeText = z.string().regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/);

export const count = z.int().nonnegative();
export const side = z.enum(['buy', 'sell']);

export const recordPlace = z.object({ topic: z.string(), partition: count, offset: count });
