import { sleep } from '@tradestream/runtime';
import { RecoveryError } from '../errors.ts';
import type { Wanted } from '../origin.ts';
import { chooseOffsets, type ReplayedPartition, type ReplaySource } from './choose-offsets.ts';

const POLL_MS = 200;

/** What was decided before the replay, so that what is new can be told from it. Stored as the job's checkpoint. */
export type ReplayPlan = {
  readonly partitions: readonly ReplayedPartition[];
  readonly conflicts: number;
  readonly parked: number;
};

export type ReplayResult = {
  readonly partitions: readonly ReplayedPartition[];
  /** Records read again. */
  readonly records: number;
  /** Those of them that had no outcome before: 0 wherever nothing was lost. */
  readonly new: number;
  readonly applied: number;
  readonly rejected: number;
  readonly parked: number;
  readonly conflicts: number;
};

export type ReplayOptions = ReplaySource & {
  readonly wanted: Wanted;
  readonly actor: string;
  readonly why: string;
  readonly signal: AbortSignal;
  /** Of an earlier run of the same replay. */
  readonly plan: ReplayPlan | null;
  readonly onPlan: (plan: ReplayPlan) => Promise<void>;
  readonly onProgress: (done: number, total: number) => Promise<void>;
};

/**
 * Has the owners read records again: sets their partitions back, with an audit row each, and follows
 * them until they are past where they stood. A record that has its outcome keeps it; one that never
 * had one gets it. Run again with its plan it begins the same stretch anew, which changes nothing.
 * @throws {RecoveryError} REPLAY_UNKNOWN_COMMAND, REPLAY_NOT_ON_LOG, REPLAY_NO_PARTITION
 * @throws {DatabaseError} @throws {MessagingError}
 */
export async function replayCommands(options: ReplayOptions): Promise<ReplayResult> {
  const { ask, topic, actor, why } = options;
  const plan = options.plan ?? (await makePlan(options));
  await options.onPlan(plan);
  const { partitions } = plan;
  await ask({
    text: 'SELECT ledger.replay_partitions($1, $2, $3, $4, $5)',
    values: [topic, partitions.map(({ partition }) => partition), partitions.map(({ from }) => from), actor, why],
  });
  await follow(options, partitions);
  return await resultOf(options, plan);
}

async function makePlan(options: ReplayOptions): Promise<ReplayPlan> {
  const partitions = await chooseOffsets(options, options.wanted);
  return { partitions, ...(await countAside(options, partitions)) };
}

async function follow(options: ReplayOptions, partitions: readonly ReplayedPartition[]): Promise<void> {
  const { ask, admin, topic, signal, onProgress } = options;
  const total = sum(partitions, ({ from, to }) => to - from);
  for (let round = 0; ; round += 1) {
    const rows = await ask<{ partition: number; next: number }>({
      text: `SELECT partition, next_offset::float8 AS next FROM ledger.partitions WHERE topic = $1`,
      values: [topic],
    });
    const next = new Map(rows.map((row) => [row.partition, row.next]));
    const done = sum(partitions, ({ partition, from, to }) => Math.min(next.get(partition) ?? from, to) - from);
    await onProgress(done, total);
    if (done >= total) return;
    if (round % 25 === 0) await expectOnLog();
    await sleep(POLL_MS, signal);

    async function expectOnLog(): Promise<void> {
      for (const { partition, start } of await admin.ranges(topic)) {
        const at = partitions.some((each) => each.partition === partition) ? next.get(partition) : undefined;
        if (at === undefined || at >= start) continue;
        throw new RecoveryError('REPLAY_NOT_ON_LOG', { context: { topic, partition, offset: at, start } });
      }
    }
  }
}

/** New outcomes are those of events that came since, but of records that were parked, which an operator may have released. */
async function resultOf(options: ReplayOptions, plan: ReplayPlan): Promise<ReplayResult> {
  const { ask, topic } = options;
  const { partitions } = plan;
  const [count] = await ask<{ applied: number; rejected: number }>({
    text: `SELECT count(*) FILTER (WHERE r.outcome = 'applied')::float8 AS applied,
                  count(*) FILTER (WHERE r.outcome = 'rejected')::float8 AS rejected
           FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w (partition, from_offset, to_offset, event_seq)
           JOIN ledger.events AS e ON e.partition = w.partition AND e.seq > w.event_seq
           JOIN ledger.every_receipt AS r ON r.command_id = e.command_id AND r.partition = e.partition AND r.seq = e.seq
             AND r."offset" >= w.from_offset AND r."offset" < w.to_offset
           WHERE NOT EXISTS (SELECT FROM ledger.parked AS k
                             WHERE k.topic = $1 AND k.partition = r.partition AND k."offset" = r."offset")`,
    values: [topic, ...columnsOf(partitions), partitions.map(({ eventSeq }) => eventSeq)],
  });
  const { applied = 0, rejected = 0 } = count ?? {};
  const aside = await countAside(options, partitions);
  const conflicts = Math.max(0, aside.conflicts - plan.conflicts);
  const parked = Math.max(0, aside.parked - plan.parked);
  const records = sum(partitions, ({ from, to }) => to - from);
  return { partitions, records, new: applied + rejected + parked + conflicts, applied, rejected, parked, conflicts };
}

/** Outcomes of the stretch that are no events. */
async function countAside(
  { ask, topic }: ReplaySource,
  partitions: readonly ReplayedPartition[],
): Promise<{ readonly conflicts: number; readonly parked: number }> {
  const count = (table: 'conflicts' | 'parked') =>
    `(SELECT count(*)::float8 FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS w (partition, from_offset, to_offset)
      JOIN ledger.${table} AS a ON a.topic = $1 AND a.partition = w.partition
        AND a."offset" >= w.from_offset AND a."offset" < w.to_offset) AS ${table}`;
  const [counts] = await ask<{ conflicts: number; parked: number }>({
    text: `SELECT ${count('conflicts')}, ${count('parked')}`,
    values: [topic, ...columnsOf(partitions)],
  });
  return counts ?? { conflicts: 0, parked: 0 };
}

function columnsOf(partitions: readonly ReplayedPartition[]): readonly (readonly number[])[] {
  return [
    partitions.map(({ partition }) => partition),
    partitions.map(({ from }) => from),
    partitions.map(({ to }) => to),
  ];
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
