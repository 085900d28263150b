import { z } from 'zod';
import { count, timeText } from './shape-parts.ts';

/** As Burrow names them: no lag, growing lag, no movement, no commits, gone back. */
export const LAG_STATES = ['OK', 'WARN', 'STALL', 'STOP', 'REWIND'] as const;
/** One of `LAG_STATES`. */
export type LagState = (typeof LAG_STATES)[number];

/** Null where it is not known, never 0 instead. */
const measure = z.number().nonnegative().nullable();

const lagPartition = z.object({
  topic: z.string(),
  partition: count,
  committed: count.nullable(),
  /** First offset that the log still holds. */
  start: count.nullable(),
  end: count.nullable(),
  lag: measure,
  lagSeconds: measure,
  state: z.enum(LAG_STATES),
  /** Records that retention took before they were consumed. */
  lost: measure,
  /** Until retention takes the next unread record; null when nothing is unread or nothing expires. */
  secondsUntilLoss: measure,
  memberId: z.string().nullable(),
  clientId: z.string().nullable(),
  host: z.string().nullable(),
});

const lagGroup = z.object({
  group: z.string(),
  /** Of a consumer group as the broker names it; `database` where the offsets are those that the database holds. */
  state: z.string(),
  /** `classic`, `consumer` (KIP-848), or `database`. */
  protocol: z.string(),
  /** Null where the broker does not tell it. */
  members: count.nullable(),
  /** The worst of its partitions. */
  verdict: z.enum(LAG_STATES),
  totalLag: measure,
  maxLagSeconds: measure,
  partitions: z.array(lagPartition),
});

/** Lag of every consumer group, by partition, and of those whose offsets the database holds. */
export const lagAnswer = z.object({
  /** When the log was last asked; older than a few intervals: the broker does not answer. */
  sampledAt: timeText,
  groups: z.array(lagGroup),
  /** The ledger on the commands topic and each projection on the events topic: the truth here. */
  database: z.array(lagGroup),
});
/** Lag of one group. */
export type LagGroup = Readonly<z.infer<typeof lagGroup>>;
/** Lag of one partition of a group. */
export type LagPartition = Readonly<z.infer<typeof lagPartition>>;
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
      /** What is wrong with it; empty when nothing is. */
      problem: z.string(),
      /** Timeline that the node writes or receives; null when it could not be asked. */
      timeline: count.nullable(),
      replayPaused: z.boolean().nullable(),
      /** Whether WAL arrives; null for a primary or an unreachable node. */
      streaming: z.boolean().nullable(),
      /** Queries that replay has cancelled since the server's statistics began. */
      conflicts: measure,
    }),
  ),
  slots: z.array(z.object({ name: z.string(), active: z.boolean(), retainedBytes: measure, status: z.string() })),
});
/** Answer of `/v1/replication`. */
export type ReplicationAnswer = Readonly<z.infer<typeof replicationAnswer>>;

/** The installation in one answer. */
export const healthAnswer = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});
/** Answer of the monitor's `/v1/health`. */
export type HealthAnswer = Readonly<z.infer<typeof healthAnswer>>;

const rates = z.record(z.string(), z.number().nonnegative());
/** A part that is watched from outside; `detail` says why it is not up. */
const watched = z.object({ up: z.boolean(), latencySeconds: measure, detail: z.string() });

/** A command's way, part by part. Rates are per second, over the last readings. */
export const pipelineAnswer = z.object({
  sampledAt: timeText,
  /** Records appended to the commands topic, taken up by the ledger, appended to the events topic. */
  throughput: z.object({ produced: measure, applied: measure, published: measure }),
  relay: z.object({ lagEvents: measure, lagSeconds: measure }),
  projections: z.array(z.object({ name: z.string(), lagEvents: measure, sessions: count })),
  parked: z.object({
    records: measure,
    keys: measure,
    oldestSeconds: measure,
    /** The commonest first; counted up to a bound. */
    byReason: z.array(z.object({ reason: z.string(), count, oldestSeconds: measure })),
  }),
  /** Partitions that take nothing from the log, since the queue behind a parked command is full; null: no worker says. */
  pausedPartitions: measure,
  rates: z.object({
    commands: rates,
    rejections: rates,
    retries: rates,
    /** By the four types of the database toolkit. */
    errors: rates,
    deadlocks: measure,
    rollbacks: measure,
  }),
  database: z.object({
    connections: measure,
    connectionsMax: measure,
    usagePercent: measure,
    waitingForLocks: measure,
    waitingForStandby: measure,
    oldestTransactionSeconds: measure,
    workers: measure,
    projectors: measure,
  }),
  batches: z.object({ commandsMean: measure, secondsMean: measure }),
  /** What each service does with its database, by its own word. */
  pools: z.array(
    z.object({
      service: z.string(),
      connections: measure,
      inUse: measure,
      /** Callers that wait for a connection now, and how long those of the last readings did. */
      waiting: measure,
      waitSecondsMean: measure,
      statements: measure,
      errors: rates,
      /** Shares of its statements that failed, and that took more than a second. */
      errorRatio: measure,
      slowRatio: measure,
    }),
  ),
  services: z.array(watched.extend({ name: z.string() })),
  /** The last reconciliation that came to its end; null when there was none. */
  reconciliation: z
    .object({ ok: z.boolean(), firstContradiction: z.string().nullable(), finishedAt: timeText })
    .nullable(),
  registry: watched,
  redis: watched.nullable(),
  canary: z.object({
    enabled: z.boolean(),
    ok: z.boolean(),
    /** From publishing the command to its receipt, and to its sight on a replica. */
    appliedSeconds: measure,
    visibleSeconds: measure,
    detail: z.string(),
    at: timeText.nullable(),
  }),
});
/** Answer of `/v1/pipeline`. */
export type PipelineAnswer = Readonly<z.infer<typeof pipelineAnswer>>;

/** One figure over time. */
export const historyAnswer = z.object({
  metric: z.string(),
  /** Seconds between two points, by the age of what was asked for. */
  stepSeconds: z.number().positive(),
  series: z.array(
    z.object({
      labels: z.record(z.string(), z.string()),
      /** Seconds since the epoch, and the highest and mean value of the step. */
      points: z.array(z.tuple([z.number(), z.number(), z.number()])),
    }),
  ),
});
/** Answer of `/v1/metrics/history`. */
export type HistoryAnswer = Readonly<z.infer<typeof historyAnswer>>;

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
  status: z.enum(['parked', 'applied', 'rejected', 'discarded']),
});
/** Item of `/v1/deadletters`. */
export type DeadLetterAnswer = Readonly<z.infer<typeof deadLetterAnswer>>;

/** One of them, whole: what it says, and what was asked for it. */
export const deadLetterDetailAnswer = deadLetterAnswer.extend({
  recordTime: timeText,
  /** In the JSON form of commands; null for bytes that are none. */
  command: z.record(z.string(), z.string()).nullable(),
  /** The record's value as base64; null where it has none, or more than is shown. */
  value: z.string().nullable(),
  valueBytes: count,
  intents: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['redrive', 'discard', 'edit']),
      jobId: z.string().nullable(),
      actor: z.string(),
      why: z.string(),
      requestedAt: timeText,
      /** Null while it waits for the owner of the partition; `parked`: it failed again. */
      outcome: z.enum(['applied', 'rejected', 'discarded', 'parked']).nullable(),
      message: z.string().nullable(),
      executedAt: timeText.nullable(),
    }),
  ),
});
/** Answer of `/v1/deadletters/{id}`. */
export type DeadLetterDetailAnswer = Readonly<z.infer<typeof deadLetterDetailAnswer>>;

/** Item of `/v1/deadletters?groupBy=reason`. */
export const deadLetterGroupAnswer = z.object({ reason: z.string(), count, keys: count, oldestParkedAt: timeText });
/** As `deadLetterGroupAnswer` says. */
export type DeadLetterGroupAnswer = Readonly<z.infer<typeof deadLetterGroupAnswer>>;

/** Long work that was taken on, or with a dry run what it would touch. */
export const jobAnswer = z.object({
  /** Null for a dry run, and where there is nothing to do. */
  jobId: z.string().nullable(),
  count,
});
/** Answer to a verb that is long work. */
export type JobAnswer = Readonly<z.infer<typeof jobAnswer>>;

/** The same of redrive, discard and edit, with what they are about; the commonest first, up to a bound. */
export const releaseAnswer = jobAnswer.extend({
  /** Of these, so many are asked for already. */
  alreadyAsked: count,
  keys: count,
  byReason: z.array(z.object({ reason: z.string(), count })),
  byKey: z.array(z.object({ key: z.string().nullable(), count })),
});
/** As `releaseAnswer` says. */
export type ReleaseAnswer = Readonly<z.infer<typeof releaseAnswer>>;

/** What was done, by whom and why. */
export const auditAnswer = z.object({
  id: z.string(),
  at: timeText,
  actor: z.string(),
  action: z.string(),
  why: z.string(),
  details: z.record(z.string(), z.unknown()),
});
/** Item of `/v1/audit`. */
export type AuditAnswer = Readonly<z.infer<typeof auditAnswer>>;

/** Long work and how far it is. */
export const jobRecordAnswer = z.object({
  id: z.uuid(),
  kind: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  parameters: z.record(z.string(), z.unknown()),
  done: count,
  /** Null where it is not known. */
  total: count.nullable(),
  checkpoint: z.record(z.string(), z.unknown()).nullable(),
  result: z.record(z.string(), z.unknown()).nullable(),
  /** Why it failed, or why its last run did not end. */
  error: z.string().nullable(),
  actor: z.string(),
  why: z.string(),
  runs: count,
  cancelRequested: z.boolean(),
  createdAt: timeText,
  startedAt: timeText.nullable(),
  updatedAt: timeText,
  finishedAt: timeText.nullable(),
});
/** Item of `/v1/jobs`, and answer of `/v1/jobs/{id}` and its verbs. */
export type JobRecordAnswer = Readonly<z.infer<typeof jobRecordAnswer>>;
