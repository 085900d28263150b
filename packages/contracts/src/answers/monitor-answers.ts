import { z } from 'zod';
import { count, timeText } from './shape-parts.ts';

/** As Burrow names them: no lag, growing lag, no movement, no commits, gone back. */
export const LAG_STATES = ['OK', 'WARN', 'STALL', 'STOP', 'REWIND'] as const;
/** One of `LAG_STATES`. */
export type LagState = (typeof LAG_STATES)[number];

/** Null where it is not known, never 0 instead. */
const measure = z.number().nonnegative().nullable();

/** Lag of every consumer group, by partition. */
export const lagAnswer = z.object({
  groups: z.array(
    z.object({
      group: z.string(),
      state: z.string(),
      totalLag: measure,
      maxLagSeconds: measure,
      partitions: z.array(
        z.object({
          topic: z.string(),
          partition: count,
          committed: count.nullable(),
          end: count.nullable(),
          lag: measure,
          lagSeconds: measure,
          state: z.enum(LAG_STATES),
        }),
      ),
    }),
  ),
});
/** Answer of `/v1/lag`. */
export type LagAnswer = Readonly<z.infer<typeof lagAnswer>>;

/** The database nodes and how far each is behind the primary. */
export const replicationAnswer = z.object({
  nodes: z.array(
    z.object({
      name: z.string(),
      role: z.enum(['primary', 'replica', 'unknown']),
      /** As PostgreSQL says it: sync, quorum, potential, async; null for a primary or an unreachable node. */
      syncState: z.string().nullable(),
      lagBytes: measure,
      lagSeconds: measure,
      healthy: z.boolean(),
    }),
  ),
});
/** Answer of `/v1/replication`. */
export type ReplicationAnswer = Readonly<z.infer<typeof replicationAnswer>>;

/** An alert that fires, or fired. */
export const alertAnswer = z.object({
  name: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  state: z.enum(['firing', 'resolved']),
  summary: z.string(),
  runbook: z.string(),
  startsAt: timeText,
  endsAt: timeText.nullable(),
  labels: z.record(z.string(), z.string()),
});
/** Item of `/v1/alerts`. */
export type AlertAnswer = Readonly<z.infer<typeof alertAnswer>>;

/** A record that was set aside. */
export const deadLetterAnswer = z.object({
  id: z.string(),
  commandId: z.string().nullable(),
  topic: z.string(),
  partition: count,
  offset: count,
  key: z.string().nullable(),
  reason: z.string(),
  message: z.string(),
  parkedAt: timeText,
  attempts: count,
  /** Commands of the same key that wait behind it. */
  waiting: count,
});
/** Item of `/v1/deadletters`. */
export type DeadLetterAnswer = Readonly<z.infer<typeof deadLetterAnswer>>;

/** Long work that was taken on, or with a dry run what it would touch. */
export const jobAnswer = z.object({ jobId: z.string().nullable(), count });
/** Answer to redrive, discard and edit. */
export type JobAnswer = Readonly<z.infer<typeof jobAnswer>>;
