import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdIndex } from './id-index.ts';

const anyId = fc.string({
  unit: fc.constantFrom('a', 'b', 'Z', '0', '9', '.', '_', ':', '-'),
  minLength: 1,
  maxLength: 64,
});

test('ids are numbered in their order, and found under their numbers alone', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyId, { maxLength: 3_000, size: 'max' }), fc.array(anyId), (ids, others) => {
      const index = new IdIndex();
      for (const [number, id] of ids.entries()) {
        expect(index.find(id)).toBe(-1);
        expect(index.add(id)).toBe(number);
      }
      expect(index.count).toBe(ids.length);
      for (const [number, id] of ids.entries()) expect(index.find(id)).toBe(number);
      for (const id of others) expect(index.find(id)).toBe(ids.indexOf(id));
    }),
    { numRuns: 20 },
  );
});

test('ids that begin or end alike are kept apart, among a hundred thousand', () => {
  const index = new IdIndex();
  for (let user = 0; user < 100_000; user += 1) index.add(`user-${user}`);
  for (let user = 0; user < 100_000; user += 1) expect(index.find(`user-${user}`)).toBe(user);
  for (const id of ['user-', 'user-00', 'user-100000', 'ser-1', 'user-1 ', '']) expect(index.find(id)).toBe(-1);
});

test('an id that is not ASCII is refused rather than taken for another', () => {
  const index = new IdIndex();
  index.add('a');
  expect(() => index.add('\u0161')).toThrow('ids are ASCII');
  expect(index.find('\u0161')).toBe(-1);
  expect(index.add('b')).toBe(1);
});
