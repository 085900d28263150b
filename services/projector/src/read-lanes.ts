import type { Session } from '@tradestream/database';
import { type EventReader, missingSchemaId } from './event-reader.ts';
import type { WaitingRecord } from './inbox.ts';
import { loadLedgerEvents } from './ledger-source.ts';
import type { Cursor, Standstill } from './position.ts';
import { type Floor, type LaneEvents, type Obstacle, readLane } from './read-lane.ts';

export type LaneSources = {
  readonly reader: EventReader;
  readonly session: Session;
  readonly cursors: readonly Cursor[];
  readonly countMax: number;
};

export type TakenRecords = ReadonlyMap<number, readonly WaitingRecord[]>;

export type ReadLanes = {
  readonly lanes: readonly LaneEvents[];
  /** Records behind these events. */
  readonly used: TakenRecords;
  /** Records that were not read. */
  readonly unused: TakenRecords;
  readonly standstills: readonly Standstill[];
};

/**
 * The events of the records taken, by partition. A gap at the head is filled from the ledger when
 * it can be read; what cannot be got past stops the projections that need it.
 * @throws {ContractError} REGISTRY_UNAVAILABLE; {DatabaseError} when the ledger does not answer
 */
export async function readLanes(sources: LaneSources, taken: TakenRecords): Promise<ReadLanes> {
  const lanes: LaneEvents[] = [];
  const standstills: Standstill[] = [];
  const used = new Map<number, readonly WaitingRecord[]>();
  const unused = new Map<number, readonly WaitingRecord[]>();
  for (const [partition, records] of taken) {
    const going = sources.cursors.filter((cursor) => cursor.partition === partition && cursor.stop === null);
    const floor = floorOf(going);
    const lane = floor === null ? null : await readOrFill(sources, { partition, records }, floor);
    const recordCount = lane?.recordCount ?? 0;
    if (lane !== null) lanes.push(lane);
    used.set(partition, records.slice(0, recordCount));
    unused.set(partition, records.slice(recordCount));
    const obstacle = lane?.events.length === 0 ? lane.obstacle : null;
    if (obstacle === null) continue;
    const { error } = obstacle;
    standstills.push(...going.filter((cursor) => stands(cursor, obstacle)).map((cursor) => ({ cursor, error })));
  }
  return { lanes, used, unused, standstills };
}

async function readOrFill(
  sources: LaneSources,
  lane: { readonly partition: number; readonly records: readonly WaitingRecord[] },
  floor: Floor,
): Promise<LaneEvents> {
  const { reader, session, countMax } = sources;
  const read = readLane(reader, lane, floor);
  if (read.events.length > 0 || read.obstacle === null) return read;
  const { error, offset, seq } = read.obstacle;
  const schemaId = missingSchemaId(error);
  // Asked for once: a schema that is now known is an obstacle no more.
  if (schemaId !== null) return (await reader.learn(schemaId)) ? await readOrFill(sources, lane, floor) : read;
  if (seq === null) return read;
  const range = { partition: lane.partition, afterSeq: floor.seq, beforeSeq: seq, countMax };
  const events = await loadLedgerEvents(session, reader, range);
  // They stand before the record behind the gap, which stays at the head of its lane.
  return { ...read, events, nextOffsets: events.map(() => offset) };
}

function floorOf(going: readonly Cursor[]): Floor | null {
  if (going.length === 0) return null;
  return {
    seq: Math.min(...going.map(({ ahead }) => ahead.seq)),
    nextOffset: Math.min(...going.map(({ ahead }) => ahead.nextOffset)),
  };
}

/** Whether this projection needs what the obstacle hides. */
function stands({ ahead }: Cursor, { offset, seq }: Obstacle): boolean {
  return seq === null ? ahead.nextOffset <= offset : ahead.seq + 1 < seq;
}
