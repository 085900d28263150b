import { expect, test } from 'vitest';
import { Rates } from './rates.ts';

test('a rate is taken over the last readings', () => {
  const rates = new Rates(3);
  expect(rates.perSecond('a', 10, 0)).toBeNull();
  expect(rates.perSecond('a', 20, 1_000)).toBe(10);
  expect(rates.perSecond('a', 20, 2_000)).toBe(5);
  expect(rates.perSecond('a', 20, 3_000)).toBe(0);
});

test('a counter that began anew has no rate until it was read twice', () => {
  const rates = new Rates(3);
  rates.perSecond('a', 100, 0);
  expect(rates.perSecond('a', 3, 1_000)).toBeNull();
  expect(rates.perSecond('a', 5, 2_000)).toBe(2);
});
