import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor } from './cursor.ts';

test('a cursor gives back its sort key to its own list only', () => {
  const text = encodeCursor('trades', ['1610064000278000', 'order-1']);
  expect(decodeCursor('trades', text, 2)).toEqual(['1610064000278000', 'order-1']);
  expect(decodeCursor('fills', text, 2)).toBeNull();
  expect(decodeCursor('trades', text, 3)).toBeNull();
});

test('any other text is refused and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.json()), (text) => {
      expect(decodeCursor('trades', text, 2)).toBeNull();
      expect(decodeCursor('trades', Buffer.from(text).toString('base64url'), 2)).toBeNull();
    }),
  );
});
