import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addCounts, countsSince, EMPTY_COUNTS, Histogram, quantile } from './histogram.ts';

test('a quantile is within its bucket', () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 100; ms += 1) histogram.observe(ms);
  expect(quantile(histogram.counts(), 0.5)).toBeGreaterThan(40);
  expect(quantile(histogram.counts(), 0.5)).toBeLessThanOrEqual(63);
  expect(quantile(histogram.counts(), 1)).toBe(100);
});

test('no observations have the quantile 0', () => {
  expect(quantile(EMPTY_COUNTS, 0.99)).toBe(0);
});

test('what is beyond the last bound counts as the last bound', () => {
  const histogram = new Histogram();
  histogram.observe(1_000_000);
  expect(quantile(histogram.counts(), 0.5)).toBe(100_000);
});

test('a reading less an earlier one is what came between', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 200_000, noNaN: true })),
      fc.array(fc.double({ min: 0, max: 9, noNaN: true })),
      (before, after) => {
        const histogram = new Histogram();
        const alone = new Histogram();
        for (const ms of before) histogram.observe(ms);
        const earlier = histogram.counts();
        for (const ms of after) {
          histogram.observe(ms);
          alone.observe(ms);
        }
        expect(countsSince(histogram.counts(), earlier).buckets).toEqual(alone.counts().buckets);
        expect(addCounts(earlier, alone.counts()).count).toBe(before.length + after.length);
      },
    ),
  );
});
