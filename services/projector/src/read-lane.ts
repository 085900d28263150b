import type { EventEnvelope } from '@tradestream/trading';
import { ProjectorError } from './errors.ts';
import type { EventReader } from './event-reader.ts';
import type { WaitingRecord } from './inbox.ts';

/** The lowest place of the projections that still go on in a partition. */
export type Floor = { readonly seq: number; readonly nextOffset: number };

/** What keeps the first record that was not read from being read. */
export type Obstacle = {
  readonly error: ProjectorError;
  readonly offset: number;
  /** Sequence of the event behind a gap; null when the record could not be read. */
  readonly seq: number | null;
};

/** Events of one partition without a gap from the floor on, and where to go on after each. */
export type LaneEvents = {
  readonly partition: number;
  readonly events: readonly EventEnvelope[];
  /** Offset of the record to go on with after the event at the same index. */
  readonly nextOffsets: readonly number[];
  /** Records that were read; the others go back to their lane. */
  readonly recordCount: number;
  readonly obstacle: Obstacle | null;
};

/** Reads records up to the first that is unreadable or leaves a gap. */
export function readLane(
  reader: EventReader,
  lane: { readonly partition: number; readonly records: readonly WaitingRecord[] },
  floor: Floor,
): LaneEvents {
  const { partition, records } = lane;
  const events: EventEnvelope[] = [];
  const nextOffsets: number[] = [];
  let { seq } = floor;
  for (const [index, { offset, value }] of records.entries()) {
    if (offset < floor.nextOffset) continue;
    const read = readEvent(reader, value, partition);
    if (read instanceof ProjectorError || read.seq > seq + 1) {
      const obstacle =
        read instanceof ProjectorError
          ? { error: read, offset, seq: null }
          : { error: gap(seq, read), offset, seq: read.seq };
      return { partition, events, nextOffsets, recordCount: index, obstacle };
    }
    seq = Math.max(seq, read.seq);
    events.push(read);
    nextOffsets.push(offset + 1);
  }
  return { partition, events, nextOffsets, recordCount: records.length, obstacle: null };
}

function readEvent(reader: EventReader, value: Buffer | null, partition: number): EventEnvelope | ProjectorError {
  try {
    return reader.read(value, partition);
  } catch (error) {
    if (error instanceof ProjectorError) return error;
    throw error;
  }
}

function gap(heldSeq: number, event: EventEnvelope): ProjectorError {
  return new ProjectorError('EVENT_GAP', { context: { partition: event.partition, heldSeq, nextSeq: event.seq } });
}
