/** Where one reader of a partition stands; null where it is not known. */
export type PartitionSample = {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record that the reader wants; null when it has none. */
  readonly committed: number | null;
  readonly start: number | null;
  readonly end: number | null;
  /** The first record it has not consumed; null: there is none, undefined: not known. */
  readonly next: { readonly offset: number; readonly timestampMs: number } | null | undefined;
  readonly member: { readonly memberId: string; readonly clientId: string; readonly host: string } | null;
};

/** A consumer group, or a reader whose offsets the database holds. */
export type GroupSample = {
  readonly group: string;
  readonly state: string;
  readonly protocol: string;
  readonly members: number | null;
  readonly partitions: readonly PartitionSample[];
};

/** A reader's offsets before the log was asked about them. */
export type TrackedOffsets = Omit<GroupSample, 'partitions'> & {
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly committed: number | null;
    readonly member: PartitionSample['member'];
  }[];
};

/** Records that the reader has not consumed, of those that the log still holds. */
export function lagOf(sample: PartitionSample): number | null {
  const { committed, start, end, next } = sample;
  if (committed === null || end === null) return null;
  // Aborted transactions, control records and what compaction took are no work: the offset may rest before them.
  if (next === null) return 0;
  return Math.max(0, end - Math.max(committed, start ?? 0, next?.offset ?? 0));
}

/** Records that retention took before the reader came to them. */
export function lostOf({ committed, start }: PartitionSample): number | null {
  return committed === null || start === null ? null : Math.max(0, start - committed);
}

/** Age of the oldest record that was not consumed; 0 when all were. */
export function lagSecondsOf(sample: PartitionSample, nowMs: number): number | null {
  if (lagOf(sample) === 0) return 0;
  const { next } = sample;
  return next === null || next === undefined ? null : Math.max(0, (nowMs - next.timestampMs) / 1_000);
}
