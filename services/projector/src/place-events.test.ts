import type { EventEnvelope } from '@tradestream/trading';
import { expect, test } from 'vitest';
import { ProjectorError } from './errors.ts';
import { placeEvents } from './place-events.ts';
import type { Cursor } from './position.ts';

const refusal = new ProjectorError('EVENT_REFUSED');

test('each projection takes what it does not hold, and moves by it', () => {
  const [behind, ahead] = [cursor('orders', { seq: 2, nextOffset: 2 }), cursor('trades', { seq: 4, nextOffset: 4 })];
  const { shares, standstills } = placeEvents([laneOf([3, 4, 5])], [behind, ahead]);
  expect(shares.map(({ projection, events }) => [projection, events.map(({ seq }) => seq)])).toEqual([
    ['orders', [3, 4, 5]],
    ['trades', [5]],
  ]);
  expect(shares.flatMap(({ moves }) => moves.map(({ from, to }) => [from.seq, to.seq, to.nextOffset]))).toEqual([
    [2, 5, 6],
    [4, 5, 6],
  ]);
  expect(standstills).toEqual([]);
});

test('what came again moves the offset alone', () => {
  const { shares } = placeEvents([laneOf([3, 4])], [cursor('orders', { seq: 9, nextOffset: 4 })]);
  expect(shares[0]?.events).toEqual([]);
  expect(shares[0]?.moves[0]?.to).toEqual({ seq: 9, nextOffset: 5, timeline: 1 });
});

test('a projection stands before the event that it refused, the others go on', () => {
  const refusing = { ...cursor('trades', { seq: 2, nextOffset: 2 }), refused: { seq: 4, error: refusal } };
  const { shares, standstills } = placeEvents(
    [laneOf([3, 4, 5])],
    [refusing, cursor('orders', { seq: 2, nextOffset: 2 })],
  );
  expect(shares.map(({ events }) => events.length)).toEqual([1, 3]);
  expect(standstills).toEqual([{ cursor: refusing, error: refusal }]);
});

test('a gap and a contradicting timeline end a share before them', () => {
  const gap = placeEvents([laneOf([3, 5])], [cursor('orders', { seq: 2, nextOffset: 2 })]);
  expect(gap.shares[0]?.events).toHaveLength(1);
  expect(gap.standstills[0]?.error.code).toBe('EVENT_GAP');
  const newer = placeEvents([laneOf([3, 2], 2)], [cursor('orders', { seq: 3, nextOffset: 2 })]);
  expect(newer.shares[0]?.moves).toEqual([]);
  expect(newer.standstills[0]?.error.code).toBe('TIMELINE_CHANGED');
});

test('a stopped projection takes nothing', () => {
  const stopped = { ...cursor('orders', { seq: 2, nextOffset: 2 }), stop: { error: refusal, retryAtMs: Infinity } };
  expect(placeEvents([laneOf([3])], [stopped]).shares[0]).toEqual({ projection: 'orders', events: [], moves: [] });
});

function cursor(projection: string, { seq, nextOffset }: { seq: number; nextOffset: number }): Cursor {
  const held = { seq, nextOffset, timeline: 1 };
  return { projection, version: 1, partition: 0, held, ahead: held, stop: null, stops: 0, refused: null };
}

/** Events one after the other on the log, the first at offset 3. */
function laneOf(seqs: readonly number[], timeline = 1) {
  const events = seqs.map((seq): EventEnvelope => {
    const command = { type: 'CancelOrder', orderId: 'o', symbol: 'A-B' } as const;
    const event = { type: 'CommandRejected', reason: 'UNKNOWN_ORDER', command } as const;
    return { partition: 0, seq, timeline, batch: 1, commandId: '', occurredAt: 0, event };
  });
  const nextOffsets = seqs.map((_, index) => 4 + index);
  return { partition: 0, events, nextOffsets, recordCount: seqs.length, obstacle: null };
}
