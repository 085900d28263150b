/**
 * What this owner believes of one partition. The database is the judge: each write repeats these
 * values and moves only from them.
 */
export type Position = {
  readonly partition: number;
  readonly epoch: number;
  /** Where the claim found it: a record that ends its process is met here from its second time on. */
  readonly claimedOffset: number;
  /** Offset of the next record to take up; runs ahead of the database by the batch in flight. */
  nextOffset: number;
  /** Sequence of the last event; runs ahead like the offset. */
  seq: number;
  lastHash: Buffer | null;
  /** What the last durable COMMIT left: its events are with the quorum and may be published. */
  committed: { readonly offset: number; readonly seq: number; readonly hash: Buffer | null };
  /** Events up to here are on the events topic. */
  publishedSeq: number;
  /** The published sequence that the database holds, as far as known. */
  markedSeq: number;
  /** Below this offset commands run one by one, since a worker died there before. */
  singlyUntil: number;
  /** Keys with a parked command, behind which their later ones wait; with the offset that blocked them, -1 for before the claim. */
  readonly blockedKeys: Map<string, number>;
  /** Keys whose queue has nothing in front any more: they are released in order, as far as it goes. By their text. */
  readonly releasing: Map<string, Buffer>;
  /** Records of each blocked key that are parked, as of the last durable COMMIT. */
  readonly queued: Map<string, number>;
  /** Whether a queue is full: nothing is taken from the log until something was released. */
  paused: boolean;
  /** Offsets at or beyond the claimed one that were parked before: there are some only after a rewind. */
  readonly parkedAhead: readonly number[];
};

/** The partitions that this worker owns now. */
export type Positions = Map<number, Position>;

/** Takes a position back to what the database holds. */
export function revertPosition(position: Position): void {
  position.nextOffset = position.committed.offset;
  position.seq = position.committed.seq;
  position.lastHash = position.committed.hash;
  unblockFrom(position, position.committed.offset);
}

/** From here on later commands of the key wait behind the one at this offset, if they do not wait already. */
export function blockKey({ blockedKeys }: Position, key: string, offset: number): void {
  if (!blockedKeys.has(key)) blockedKeys.set(key, offset);
}

/** Forgets what records from this offset on have blocked: decided again, they may turn out to be duplicates. */
export function unblockFrom({ blockedKeys }: Position, offset: number): void {
  for (const [key, blockedBy] of blockedKeys) if (blockedBy >= offset) blockedKeys.delete(key);
}
