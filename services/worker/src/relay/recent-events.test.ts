import { expect, test } from 'vitest';
import { type PublishedEvent, RecentEvents } from './recent-events.ts';

function eventAt(seq: number): PublishedEvent {
  return {
    seq,
    key: 'BTC-USD',
    type: 'OrderPlaced',
    timeline: 1,
    timestampMs: 0,
    traceparent: null,
    value: Buffer.of(seq),
  };
}

function of(partition: number, ...seqs: readonly number[]): [number, PublishedEvent][] {
  return seqs.map((seq) => [partition, eventAt(seq)]);
}

type Bounds = { readonly toSeq?: number; readonly countMax?: number };

function seqsOf(recent: RecentEvents, partition: number, fromSeq: number, bounds: Bounds = {}) {
  const { toSeq = 1_000, countMax = 1_000 } = bounds;
  return recent.next(partition, { fromSeq, toSeq, countMax }).map((event) => event.seq);
}

test('what was committed comes from where it was asked for, partition by partition', () => {
  const recent = new RecentEvents(100);
  recent.add([...of(0, 5, 6, 7), ...of(1, 1, 2)]);
  expect(seqsOf(recent, 0, 6)).toEqual([6, 7]);
  expect(seqsOf(recent, 1, 1)).toEqual([1, 2]);
  expect(seqsOf(recent, 2, 1)).toEqual([]);
});

test('asked again from the same place, it answers the same: a send may fail', () => {
  const recent = new RecentEvents(100);
  recent.add(of(0, 1, 2, 3));
  expect(seqsOf(recent, 0, 2)).toEqual([2, 3]);
  expect(seqsOf(recent, 0, 2)).toEqual([2, 3]);
});

test('it answers nothing when the next event is not here', () => {
  const recent = new RecentEvents(100);
  recent.add(of(0, 5, 6));
  expect(seqsOf(recent, 0, 4)).toEqual([]);
  expect(seqsOf(recent, 0, 7)).toEqual([]);
});

test('a gap, or a sequence that went back, leaves only what came last', () => {
  const recent = new RecentEvents(100);
  recent.add(of(0, 5, 6));
  recent.add(of(0, 8));
  expect(seqsOf(recent, 0, 5)).toEqual([]);
  recent.add(of(0, 3, 4));
  expect(seqsOf(recent, 0, 3)).toEqual([3, 4]);
});

test('neither more than is wanted nor anything behind the durable end is given', () => {
  const recent = new RecentEvents(100);
  recent.add(of(0, 1, 2, 3, 4));
  expect(seqsOf(recent, 0, 1, { toSeq: 3 })).toEqual([1, 2, 3]);
  expect(seqsOf(recent, 0, 1, { countMax: 2 })).toEqual([1, 2]);
});

test('it never holds more than its bound, and never a lane with a gap', () => {
  const recent = new RecentEvents(4);
  recent.add(of(0, 1, 2, 3, 4, 5, 6));
  const [first, ...rest] = seqsOf(recent, 0, 5);
  expect([first, ...rest]).toEqual([5, 6]);
  recent.add([...of(1, 1, 2, 3)]);
  expect(seqsOf(recent, 1, 1)).toEqual([]);
});
