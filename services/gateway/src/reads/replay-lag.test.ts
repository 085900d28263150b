import { expect, test } from 'vitest';
import { ReplayLag } from './replay-lag.ts';

test('a replica is as late as the first position that it lacks', () => {
  const lag = new ReplayLag();
  expect(lag.of(0n, 50)).toBe(0);
  lag.note(100n, 1_000);
  lag.note(200n, 2_000);
  expect(lag.of(200n, 9_000)).toBe(0);
  expect(lag.of(150n, 9_000)).toBe(7_000);
  expect(lag.of(99n, 9_000)).toBe(8_000);
});

test('a primary that writes nothing makes nobody late', () => {
  const lag = new ReplayLag();
  for (let atMs = 0; atMs < 600_000; atMs += 500) lag.note(100n, atMs);
  expect(lag.of(100n, 600_000)).toBe(0);
  expect(lag.of(99n, 600_000)).toBe(600_000);
});

test('what is remembered is bounded, and who is behind all of it is still late', () => {
  const lag = new ReplayLag();
  for (let sample = 1; sample <= 10_000; sample += 1) lag.note(BigInt(sample), sample);
  expect(lag.of(0n, 10_000)).toBe(10_000 - (10_000 - 239));
});
