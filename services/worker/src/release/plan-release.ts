import { BEHIND_PARKED } from '../apply/decide-batch.ts';
import type { DecodedCommand, DecodedRecord } from '../intake/decode-record.ts';
import { type KeyPlace, type ParkedRow, queueName, type ReleaseQueues } from './parked-rows.ts';

/** A parked record that is decided now. `failure`: it failed alone, and is parked as the command that it turned out to be. */
export type Release = { readonly row: ParkedRow; readonly from: DecodedCommand; readonly failure: string | null };

/** A record that stays parked after it was tried. */
export type Refusal = {
  readonly row: ParkedRow;
  /** Why it is parked from now on. */
  readonly reason: string;
  readonly message: string;
  /** What its intent is answered. */
  readonly answer: string;
};

/** An intent that changes nothing of its record. */
export type Answer = { readonly row: ParkedRow; readonly outcome: ParkedRow['status']; readonly message: string };

/** What is known of a key's queue once the release has been done. */
export type QueueAfter = KeyPlace & {
  /** Free: nothing is left. Releasing: there may be more, with nothing in front. Blocked: its head stays. */
  readonly state: 'free' | 'releasing' | 'blocked';
  /** By how many records it has become longer. */
  readonly growth: number;
};

export type ReleasePlan = {
  /** In the order in which they are decided. */
  readonly releases: readonly Release[];
  readonly refusals: readonly Refusal[];
  readonly discards: readonly ParkedRow[];
  readonly answers: readonly Answer[];
  readonly queues: readonly QueueAfter[];
};

/** Tries that ended their process, after which records are released one by one; and as many again alone. */
export const TRIES_TOGETHER_MAX = 3;
const TRIES_MAX = 6;

type Draft = { readonly [Part in 'releases' | 'refusals' | 'discards' | 'answers']: ReleasePlan[Part][number][] };

/**
 * Says what becomes of each record, walking each key's queue from its head. What stands in front
 * decides: behind a record that stays, nothing is released; behind one that goes, what only waited
 * for it goes as well, until one fails again and is the new head.
 */
export function planRelease(options: {
  readonly queues: ReleaseQueues;
  /** By the record's id: what it decodes to, with the edit that is wanted. */
  readonly decoded: ReadonlyMap<number, DecodedRecord>;
  /** Why records failed alone, by their id. */
  readonly failing: ReadonlyMap<number, string>;
  /** Most records that are decided. */
  readonly countMax: number;
}): ReleasePlan {
  const { queues } = options;
  const draft: Draft = { releases: [], refusals: [], discards: [], answers: [] };
  const lanes = Map.groupBy(queues.rows, ({ id, record: { partition, key } }) =>
    key === null ? `${id}` : queueName({ partition, key }),
  );
  const after: QueueAfter[] = [];
  const reached = new Set<string>();
  for (const [name, rows] of lanes) {
    const walk = walkQueue(rows.toSorted(byOffset), draft, options);
    const key = rows[0]?.record.key ?? null;
    const partition = rows[0]?.record.partition ?? -1;
    reached.add(name);
    if (key !== null) after.push({ partition, key, ...walk });
  }
  // Of these nothing was found: they are done, unless others have taken all the room.
  for (const place of queues.keys) {
    if (reached.has(queueName(place))) continue;
    after.push({ ...place, state: queues.cut === null ? 'free' : 'releasing', growth: 0 });
  }
  return { ...draft, releases: inOrder(draft.releases), queues: after };
}

function walkQueue(
  rows: readonly ParkedRow[],
  draft: Draft,
  options: Parameters<typeof planRelease>[0],
): Pick<QueueAfter, 'state' | 'growth'> {
  const { queues, decoded, failing } = options;
  let head: ParkedRow | null = null;
  let isOpen = queues.cut !== null;
  let growth = 0;
  for (const row of rows) {
    const { intent } = row;
    if (row.status !== 'parked') {
      draft.answers.push({ row, outcome: row.status, message: 'it was settled before' });
    } else if (intent?.kind === 'discard') {
      draft.discards.push(row);
      if (row.blocksKey) growth -= 1;
    } else if (head !== null) {
      if (intent !== null) draft.answers.push({ row, outcome: 'parked', message: `it waits behind ${placeOf(head)}` });
    } else if (isBeyond(row, queues.cut) || draft.releases.length >= options.countMax) {
      isOpen = true; // what stands in front of it is not known yet, or has its turn first
    } else if (intent === null && !(row.blocksKey && row.reason === BEHIND_PARKED)) {
      head = row;
    } else {
      const from = decoded.get(row.id);
      const failure = failureOf(row, { from, failing });
      if (failure === null && from?.kind === 'command') {
        draft.releases.push({ row, from, failure: null });
        if (row.blocksKey) growth -= 1;
      } else if (from?.kind === 'command' && isNewCommand(row, failure)) {
        // It gets a receipt. Whether it is the head then is asked again: its command may stand elsewhere.
        draft.releases.push({ row, from, failure: failure?.message ?? null });
        if (!row.blocksKey) growth += 1;
        return { state: 'releasing', growth };
      } else {
        const refusal = refusalOf(row, failure);
        draft.refusals.push(refusal);
        // Refused is the edit, not what was sent: with nothing in front of it that has its turn next.
        if (row.blocksKey && refusal.reason === BEHIND_PARKED) return { state: 'releasing', growth };
        head = row.blocksKey ? row : head;
      }
    }
  }
  if (head !== null) return { state: 'blocked', growth };
  return { state: isOpen ? 'releasing' : 'free', growth };
}

type Failure = Pick<Refusal, 'reason' | 'message'>;

function failureOf(
  row: ParkedRow,
  known: { readonly from: DecodedRecord | undefined; readonly failing: ReadonlyMap<number, string> },
): Failure | null {
  const { from } = known;
  if (row.tries >= TRIES_MAX) {
    return { reason: 'WORKER_KILLED', message: 'workers died each time they tried this record alone' };
  }
  if (from === undefined || from.kind === 'poison') {
    return { reason: from?.reason ?? row.reason, message: from?.message ?? row.message };
  }
  if (row.commandId !== null && from.commandId !== row.commandId) {
    return { reason: 'MALFORMED', message: `commandId: ${from.commandId} is not ${row.commandId}` };
  }
  const failing = known.failing.get(row.id);
  return failing === undefined ? null : { reason: 'COMMAND_FAILED', message: failing };
}

/** Bytes that were no command when they were set aside, and fail as the command that they are now. */
function isNewCommand(row: ParkedRow, failure: Failure | null): boolean {
  return row.commandId === null && row.intent?.kind !== 'edit' && failure?.reason === 'COMMAND_FAILED';
}

/** A failed edit leaves the record as it was, but for the attempt. */
function refusalOf(row: ParkedRow, failure: Failure | null): Refusal {
  const answer = failure?.message ?? row.message;
  if (row.intent?.kind === 'edit' || failure === null) {
    return { row, reason: row.reason, message: row.message, answer };
  }
  return { row, reason: failure.reason, message: failure.message, answer };
}

function isBeyond({ record }: ParkedRow, cut: ReleaseQueues['cut']): boolean {
  if (cut === null) return false;
  return record.offset > cut.offset || (record.offset === cut.offset && record.partition > cut.partition);
}

/** Merged over the partitions by time, each keeping its own order, as records of the log are. */
function inOrder(releases: readonly Release[]): readonly Release[] {
  const latest = new Map<number, number>();
  const timed = releases
    .toSorted((a, b) => byOffset(a.row, b.row))
    .map((release) => {
      const { partition, timestampMs } = release.row.record;
      const timeMs = Math.max(timestampMs, latest.get(partition) ?? timestampMs);
      latest.set(partition, timeMs);
      return { release, timeMs };
    });
  const sorted = timed.toSorted(
    (a, b) =>
      a.timeMs - b.timeMs ||
      a.release.row.record.partition - b.release.row.record.partition ||
      byOffset(a.release.row, b.release.row),
  );
  return sorted.map(({ release }) => release);
}

function byOffset(a: ParkedRow, b: ParkedRow): number {
  return a.record.offset - b.record.offset;
}

function placeOf({ record }: ParkedRow): string {
  return `the record parked at ${record.topic}/${record.partition} offset ${record.offset}`;
}
