import { expect, test } from 'vitest';
import { chooseStarts } from './choose-starts.ts';
import type { Cursor } from './position.ts';

const cursor = (projection: string, nextOffset: number): Cursor => {
  const held = { seq: nextOffset, nextOffset, timeline: 1 };
  return { projection, version: 1, partition: 2, held, ahead: held, stop: null, stops: 0, refused: null };
};

test('a partition begins where its projection furthest behind is', () => {
  const starts = chooseStarts([cursor('orders', 7), cursor('trades', 5)], [{ partition: 2, start: 0, end: 9 }]);
  expect(starts).toEqual({ offsets: new Map([[2, 5]]), rewound: [] });
});

test('records that the log no longer has are not waited for', () => {
  const { offsets, rewound } = chooseStarts([cursor('orders', 3)], [{ partition: 2, start: 6, end: 9 }]);
  expect(offsets.get(2)).toBe(6);
  expect(rewound).toEqual([]);
});

test('an offset beyond the end is none of this log: it is read from its start, the sequence stays', () => {
  const held = cursor('orders', 10);
  const { offsets, rewound } = chooseStarts([held], [{ partition: 2, start: 1, end: 9 }]);
  expect(offsets.get(2)).toBe(1);
  expect(rewound).toEqual([{ cursor: held, from: held.held, to: { seq: 10, nextOffset: 1, timeline: 1 } }]);
});
