import { expect, test } from 'vitest';
import { Buckets } from './buckets.ts';

test('a step is told when the next one begins, with its highest value and its mean', () => {
  const buckets = new Buckets(10);
  expect(buckets.add('a', 1, 60_000)).toBeNull();
  expect(buckets.add('a', 5, 64_000)).toBeNull();
  expect(buckets.add('a', 3, 69_999)).toBeNull();
  expect(buckets.add('a', 9, 70_000)).toEqual({ atSeconds: 60, highest: 5, mean: 3 });
  expect(buckets.add('b', 9, 80_000)).toBeNull();
  expect(buckets.add('a', 9, 95_000)).toEqual({ atSeconds: 70, highest: 9, mean: 9 });
});
