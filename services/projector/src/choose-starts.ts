import type { PartitionRange } from '@tradestream/messaging';
import type { Cursor, PositionMove } from './position.ts';

export type Starts = {
  /** Offset at which each partition begins: that of its projection furthest behind. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Positions whose offset is none of this log, put back to the log's first. */
  readonly rewound: readonly PositionMove[];
};

/**
 * Where to begin. Sequences are the truth and offsets a hint: on a topic that was made anew the
 * offset held lies beyond its end, and the log is read from its start; what is held is dropped, what
 * is missing is a gap. Records that the log no longer has are a gap, too.
 */
export function chooseStarts(cursors: readonly Cursor[], ranges: readonly PartitionRange[]): Starts {
  const offsets = new Map<number, number>();
  const rewound: PositionMove[] = [];
  for (const cursor of cursors) {
    const { partition, held } = cursor;
    const range = ranges.find((each) => each.partition === partition) ?? { start: 0, end: 0 };
    const isBeyond = held.nextOffset > range.end;
    if (isBeyond) rewound.push({ cursor, from: held, to: { ...held, nextOffset: range.start } });
    const offset = isBeyond ? range.start : Math.max(range.start, held.nextOffset);
    offsets.set(partition, Math.min(offset, offsets.get(partition) ?? offset));
  }
  return { offsets, rewound };
}
