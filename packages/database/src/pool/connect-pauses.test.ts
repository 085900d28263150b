import { expect, test } from 'vitest';
import { openingsWanted, pauseAfter } from './connect-pauses.ts';

const CALM = { waiting: 0, minSize: 2, maxSize: 5, live: 0, opening: 0, failures: 0 } as const;

test('the pause doubles up to a second and is at least half of that', () => {
  const whole = () => 1;
  expect([0, 1, 2, 3, 5, 6, 50].map((failures) => pauseAfter(failures, whole))).toEqual([
    0, 50, 100, 200, 800, 1_000, 1_000,
  ]);
  expect(pauseAfter(50, () => 0)).toBe(500);
});

test('the least number of connections is opened without a caller', () => {
  expect(openingsWanted(CALM)).toBe(2);
  expect(openingsWanted({ ...CALM, live: 1, opening: 1 })).toBe(0);
});

test('callers have a connection opened each, up to the largest number', () => {
  expect(openingsWanted({ ...CALM, waiting: 3 })).toBe(3);
  expect(openingsWanted({ ...CALM, waiting: 30, live: 4 })).toBe(1);
  expect(openingsWanted({ ...CALM, waiting: 30, live: 5 })).toBe(0);
  expect(openingsWanted({ ...CALM, waiting: 3, opening: 3 })).toBe(0);
});

test('a server that fails is tried by one connection at a time', () => {
  expect(openingsWanted({ ...CALM, waiting: 4, failures: 1 })).toBe(1);
  expect(openingsWanted({ ...CALM, waiting: 4, failures: 1, opening: 1 })).toBe(0);
});
