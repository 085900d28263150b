import { z } from 'zod';
import { count, timeText } from './shape-parts.ts';

/** One projection: what is read of it, what is built or kept beside it, and what is being done with it. */
export const projectionAnswer = z.object({
  projection: z.string(),
  /** Of the rows that are read; null: it was never built, and nobody reads it. */
  liveVersion: count.nullable(),
  /** Of those that are being built. */
  nextVersion: count.nullable(),
  /** Of those that were replaced last. */
  keptVersion: count.nullable(),
  swappedAt: timeText.nullable(),
  /** Events of the ledger that the rows do not hold yet. */
  lagEvents: count,
  /** What waits or runs, the oldest; its id is that of its job. */
  request: z
    .object({
      id: z.string(),
      kind: z.string(),
      state: z.string(),
      phase: z.string().nullable(),
      done: count,
      total: count.nullable(),
    })
    .nullable(),
});
/** Item of `/v1/projections`. */
export type ProjectionAnswer = Readonly<z.infer<typeof projectionAnswer>>;

/** What verifying a projection found: rows that are not what the events make them, the first by key. */
export const projectionVerdict = z.object({
  rows: count,
  count,
  differences: z.array(
    z.object({
      key: z.string(),
      /** `missing`: the events make a row that is not there; `surplus`: they make none. */
      kind: z.enum(['missing', 'surplus', 'different']),
      columns: z.array(z.string()),
    }),
  ),
  events: count,
  seconds: z.number(),
});
