import { EventPack } from '@tradestream/contracts';
import { expect, test } from 'vitest';
import { RecentEvents } from './recent-events.ts';
import type { WrittenEvents } from './written-events.ts';

type Place = readonly [partition: number, seq: number];

const EVENT = {
  type: 'FundsDeposited',
  userId: 'u',
  asset: 'USD',
  amount: 1n,
  reference: null,
  balances: [],
  orders: [],
} as const;

/** A batch of these events, in this order. */
function written(...places: readonly Place[]): WrittenEvents {
  const pack = new EventPack();
  for (const [partition, seq] of places) {
    pack.add({ partition, seq }, { commandId: '0190c2f2-7b7a-7c2e-8e3a-0123456789ab', occurredAt: seq, event: EVENT });
  }
  return {
    heads: {
      keys: places.map(([partition, seq]) => `${partition}/${seq}`),
      types: places.map(() => EVENT.type),
      timesMs: places.map(([, seq]) => seq),
      traceparents: places.map(() => null),
    },
    framed: pack.number({ timeline: 1, batch: 1, schemaId: 1 }),
  };
}

function of(partition: number, ...seqs: readonly number[]): Place[] {
  return seqs.map((seq) => [partition, seq]);
}

function holding(countMax: number, bytesMax = 1024 * 1024 * 1024): RecentEvents {
  return new RecentEvents({ countMax, bytesMax });
}

type Bounds = { readonly toSeq?: number; readonly countMax?: number };

function nextOf(recent: RecentEvents, partition: number, fromSeq: number, bounds: Bounds = {}) {
  const { toSeq = 1_000, countMax = 1_000 } = bounds;
  return recent.next(partition, { fromSeq, toSeq, countMax });
}

function seqsOf(recent: RecentEvents, partition: number, fromSeq: number, bounds: Bounds = {}) {
  return nextOf(recent, partition, fromSeq, bounds).map((event) => event.seq);
}

test('what was committed comes from where it was asked for, partition by partition, over batches', () => {
  const recent = holding(100);
  recent.add(written([0, 5], [1, 1], [0, 6], [1, 2]));
  recent.add(written([1, 3], [0, 7], [0, 8]));
  expect(seqsOf(recent, 0, 6)).toEqual([6, 7, 8]);
  expect(seqsOf(recent, 1, 1)).toEqual([1, 2, 3]);
  expect(seqsOf(recent, 2, 1)).toEqual([]);
  expect(seqsOf(recent, 0, 8)).toEqual([8]);
});

test('an event is published with its own key, place and bytes', () => {
  const recent = holding(100);
  const batch = written([0, 5], [1, 1], [0, 6]);
  recent.add(batch);
  const [record] = nextOf(recent, 0, 6);
  expect(record).toMatchObject({ partition: 0, key: '0/6', timestampMs: 6, valueBytes: record?.value.length });
  expect(record?.headers).toMatchObject({ ce_id: '1/0/6', ce_type: 'FundsDeposited' });
  const target = Buffer.alloc(4 + (record?.valueBytes ?? 0));
  record?.writeValue(target, 4);
  expect(target.subarray(4)).toEqual(batch.framed.value(2));
});

test('asked again from the same place, it answers the same: a send may fail', () => {
  const recent = holding(100);
  recent.add(written(...of(0, 1, 2, 3)));
  expect(seqsOf(recent, 0, 2)).toEqual([2, 3]);
  expect(seqsOf(recent, 0, 2)).toEqual([2, 3]);
});

test('it answers nothing when the next event is not here', () => {
  const recent = holding(100);
  recent.add(written(...of(0, 5, 6)));
  expect(seqsOf(recent, 0, 4)).toEqual([]);
  expect(seqsOf(recent, 0, 7)).toEqual([]);
});

test('a gap, or a sequence that went back, leaves only what came last', () => {
  const recent = holding(100);
  recent.add(written(...of(0, 5, 6)));
  recent.add(written(...of(0, 8)));
  expect(seqsOf(recent, 0, 5)).toEqual([]);
  recent.add(written(...of(0, 3, 4)));
  expect(seqsOf(recent, 0, 3)).toEqual([3, 4]);
  recent.add(written(...of(0, 5, 7, 8)));
  expect(seqsOf(recent, 0, 7)).toEqual([7, 8]);
});

test('neither more than is wanted nor anything behind the durable end is given', () => {
  const recent = holding(100);
  recent.add(written(...of(0, 1, 2, 3, 4)));
  expect(seqsOf(recent, 0, 1, { toSeq: 3 })).toEqual([1, 2, 3]);
  expect(seqsOf(recent, 0, 1, { countMax: 2 })).toEqual([1, 2]);
});

test('it never holds more than its bound, and never a lane with a gap', () => {
  const recent = holding(4);
  recent.add(written(...of(0, 1, 2, 3, 4, 5, 6)));
  expect(seqsOf(recent, 0, 5)).toEqual([5, 6]);
  recent.add(written(...of(1, 1, 2, 3)));
  expect(seqsOf(recent, 1, 1)).toEqual([]);
  expect(seqsOf(recent, 1, 2)).toEqual([2, 3]);
});

test('batches that one partition keeps are bounded by their bytes: what came last is here', () => {
  const { bytesHeld } = written([0, 1]).framed;
  const recent = holding(1_000, bytesHeld * 3);
  for (let seq = 1; seq <= 10; seq += 1) recent.add(written([0, seq]));
  expect(seqsOf(recent, 0, 1)).toEqual([]);
  expect(seqsOf(recent, 0, 10)).toEqual([10]);
});

test('the memory of a batch is used again once its last event was published, and not before', () => {
  const recent = holding(100);
  const batch = written([0, 1], [1, 1]);
  recent.add(batch);
  const last = nextOf(recent, 1, 1)[0];
  nextOf(recent, 0, 2);
  const bytes = Buffer.from(last?.value ?? []);
  recent.add(written([1, 2]));
  expect(nextOf(recent, 1, 1)[0]?.value).toEqual(bytes);
  nextOf(recent, 1, 2);
  expect(() => last?.value).toThrow(/released/);
});

test('what is dropped while a publish may still read it keeps its memory', () => {
  const recent = holding(100);
  recent.add(written([0, 1], [1, 1]));
  const [first] = nextOf(recent, 0, 1);
  const bytes = Buffer.from(first?.value ?? []);
  recent.add(written([0, 9], [1, 9]));
  recent.clear();
  for (let seq = 10; seq < 14; seq += 1) recent.add(written([0, seq]));
  expect(first?.value).toEqual(bytes);
});
