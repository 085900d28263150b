import { z } from 'zod';

const count = z.number().int().nonnegative();
const told = z.record(z.string(), z.unknown()).nullable();

/** How far receipts are archived, and which snapshots there are. */
export const retentionAnswer = z.object({
  partitions: z.array(
    z.object({
      partition: count,
      nextOffset: count,
      eventSeq: count,
      /** Every event up to it has its receipt in the archive, unless it was forgotten. */
      archivedSeq: count,
      forgottenBefore: z.string().nullable(),
      /** Every event up to it has left the ledger. */
      removedSeq: count,
    }),
  ),
  /** As the statistics of the tables say. */
  receipts: count,
  archivedReceipts: count,
  snapshots: z.array(
    z.object({
      id: count,
      /** The highest batch whose effects are in it. */
      batch: count,
      balances: count,
      orders: count,
      takenAt: z.string(),
      /** Events may leave behind it; it is kept until another serves. */
      forRetention: z.boolean(),
      /** Every event behind it is there: dry runs, verify and rebuilds may begin from it. */
      isBase: z.boolean(),
    }),
  ),
  /** What keeps events from leaving behind the next snapshot for retention; null: nothing, or there is none. */
  removalBlockedBy: z.string().nullable(),
});
/** Answer of `/v1/retention`. */
export type RetentionAnswer = Readonly<z.infer<typeof retentionAnswer>>;

/** What a dry run found to differ: as it is, and as it would be; null where there is none. */
export const differenceAnswer = z.object({ key: z.string(), told, again: told });
/** Item of `/v1/replay/commands/{id}/differences`. */
export type DifferenceAnswer = Readonly<z.infer<typeof differenceAnswer>>;
