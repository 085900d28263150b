import type { Ask } from '../ask.ts';
import { RecoveryError } from '../errors.ts';
import type { Wanted } from '../origin.ts';

/** For each partition the last sequence before a moment of the history. */
export type Cut = ReadonlyMap<number, number>;

/** A dry run may also begin at a batch number, or at the beginning. */
export type DryRunOrigin = Wanted | { readonly batch: number };

/** What was released from its parking has an old offset and time at a late sequence: it says nothing of the order. */
const NEVER_PARKED = 'NOT EXISTS (SELECT FROM ledger.parked AS k WHERE k.command_id = e.command_id)';

type Probe = { readonly batch: number; readonly reached: boolean };

/**
 * The first batch that is to be decided again: of the command's receipt, or of the first event at or
 * after the offset or time in any of the partitions. Infinity: there is none.
 * @throws {RecoveryError} REPLAY_UNKNOWN_COMMAND, REPLAY_NO_PARTITION @throws {DatabaseError}
 */
export async function chooseBatch(ask: Ask, origin: DryRunOrigin, end: Cut): Promise<number> {
  if ('batch' in origin) return origin.batch;
  const { partitions } = origin;
  if (origin.origin.kind === 'command') {
    const { commandId } = origin.origin;
    const [at] = await ask<{ batch: number }>({
      text: 'SELECT batch::float8 AS batch FROM ledger.every_receipt WHERE command_id = $1',
      values: [commandId],
    });
    if (at === undefined) throw new RecoveryError('REPLAY_UNKNOWN_COMMAND', { context: { commandId } });
    return at.batch;
  }
  const reached =
    origin.origin.kind === 'time' ? 'e.occurred_at >= to_timestamp($3::float8 / 1000)' : `r."offset" >= $3::float8`;
  const value = origin.origin.kind === 'time' ? origin.origin.timeMs : origin.origin.offset;
  const missing = partitions?.find((partition) => !end.has(partition));
  if (missing !== undefined) throw new RecoveryError('REPLAY_NO_PARTITION', { context: { partition: missing } });
  let batch = Infinity;
  for (const [partition, last] of end) {
    if (partitions !== null && !partitions.includes(partition)) continue;
    const found = await firstEvent(ask, { partition, last, reached, value, ordered: NEVER_PARKED });
    batch = Math.min(batch, found?.batch ?? Infinity);
  }
  return batch;
}

/** Every event of an earlier batch. */
export async function cutBefore(ask: Ask, batch: number, end: Cut): Promise<Cut> {
  const cut = new Map<number, number>();
  for (const [partition, last] of end) {
    const found =
      batch === Infinity
        ? null
        : await firstEvent(ask, {
            partition,
            last,
            reached: 'e.batch >= $3::float8',
            value: batch,
            ordered: 'true',
          });
    cut.set(partition, (found?.seq ?? last + 1) - 1);
  }
  return cut;
}

/** The first event of the partition for which it holds, up to `last`: within a partition it holds from some event on. */
async function firstEvent(
  ask: Ask,
  search: {
    readonly partition: number;
    readonly last: number;
    readonly reached: string;
    readonly value: number;
    /** Of which events it is asked: those in whose order it goes from false to true. */
    readonly ordered: string;
  },
): Promise<{ readonly seq: number; readonly batch: number } | null> {
  const { partition, last, reached, value, ordered } = search;
  let first: { seq: number; batch: number } | null = null;
  for (let low = 1, high = last; low <= high; ) {
    const middle = Math.floor((low + high) / 2);
    const at = await probe(middle, high);
    if (at === null) {
      high = middle - 1;
    } else if (at.reached) {
      first = { seq: at.seq, batch: at.batch };
      high = middle - 1;
    } else {
      low = at.seq + 1;
    }
  }
  return first;

  /** The event at the sequence, or the next one of which it may be asked. */
  async function probe(seq: number, to: number): Promise<(Probe & { readonly seq: number }) | null> {
    const [found] = await ask<Probe & { readonly seq: number }>({
      text: `SELECT e.seq::float8 AS seq, e.batch::float8 AS batch, coalesce(${reached}, false) AS reached
             FROM ledger.every_event AS e LEFT JOIN ledger.every_receipt AS r ON r.command_id = e.command_id AND r.seq = e.seq
             WHERE e.partition = $1 AND e.seq >= $2 AND e.seq <= $4
               AND ${ordered}
             ORDER BY e.seq LIMIT 1`,
      values: [partition, seq, value, to],
    });
    return found ?? null;
  }
}
