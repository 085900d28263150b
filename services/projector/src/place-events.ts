import type { EventEnvelope } from '@tradestream/trading';
import { ProjectorError } from './errors.ts';
import { type Cursor, type Position, type PositionMove, placeEvent, type Standstill } from './position.ts';
import type { LaneEvents } from './read-lane.ts';

/** What one projection takes of a batch. */
export type Share = {
  readonly projection: string;
  readonly events: readonly EventEnvelope[];
  readonly moves: readonly PositionMove[];
};

/**
 * Which events each projection takes, and where that moves it. Events that it holds already are
 * dropped; one that contradicts what it holds, or that it refused, ends its share before it.
 */
export function placeEvents(
  lanes: readonly LaneEvents[],
  cursors: readonly Cursor[],
): { readonly shares: readonly Share[]; readonly standstills: readonly Standstill[] } {
  const shares: Share[] = [];
  const standstills: Standstill[] = [];
  for (const [projection, ofProjection] of Map.groupBy(cursors, (cursor) => cursor.projection)) {
    const events: EventEnvelope[] = [];
    const moves: PositionMove[] = [];
    for (const lane of lanes) {
      const cursor = ofProjection.find(({ partition, stop }) => partition === lane.partition && stop === null);
      if (cursor === undefined) continue;
      const { to, error } = advance(cursor, lane, events);
      if (to !== cursor.ahead) moves.push({ cursor, from: cursor.ahead, to });
      if (error !== null) standstills.push({ cursor, error });
    }
    shares.push({ projection, events, moves });
  }
  return { shares, standstills };
}

/** Adds to `taken` the events that come next, up to one that must not be taken. */
function advance(
  { ahead, refused }: Cursor,
  lane: LaneEvents,
  taken: EventEnvelope[],
): { readonly to: Position; readonly error: ProjectorError | null } {
  let to = ahead;
  for (const [index, event] of lane.events.entries()) {
    const placing = placeEvent(to, event);
    if (placing === 'gap' || placing === 'contradiction') return { to, error: refusal(placing, to, event) };
    if (placing === 'next' && event.seq === refused?.seq) return { to, error: refused.error };
    const nextOffset = Math.max(to.nextOffset, lane.nextOffsets[index] ?? 0);
    if (placing === 'next') {
      taken.push(event);
      to = { seq: event.seq, nextOffset, timeline: event.timeline };
    } else if (nextOffset > to.nextOffset) {
      to = { ...to, nextOffset };
    }
  }
  return { to, error: null };
}

function refusal(placing: 'gap' | 'contradiction', held: Position, event: EventEnvelope): ProjectorError {
  return new ProjectorError(placing === 'gap' ? 'EVENT_GAP' : 'TIMELINE_CHANGED', {
    context: {
      partition: event.partition,
      heldSeq: held.seq,
      heldTimeline: held.timeline,
      seq: event.seq,
      timeline: event.timeline,
    },
  });
}
