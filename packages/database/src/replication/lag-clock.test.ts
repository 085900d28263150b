import { expect, test } from 'vitest';
import { formatToken, laterPoint, parseToken } from './consistency-token.ts';
import { LagClock } from './lag-clock.ts';
import { formatLsn, parseLsn } from './lsn.ts';

test('a replica that has all has no lag, however long the primary is idle', () => {
  const clock = new LagClock();
  clock.note(0, 100n);
  clock.note(1_000, 100n);
  expect(clock.lagMs(1_000_000, 100n)).toBe(0);
  expect(clock.lagBytes(100n)).toBe(0);
});

test('the lag is the time since the first write that the replica has not', () => {
  const clock = new LagClock();
  clock.note(0, 100n);
  clock.note(1_000, 200n);
  clock.note(2_000, 300n);
  expect(clock.lagMs(2_500, 100n)).toBe(1_500);
  expect(clock.lagMs(2_500, 250n)).toBe(500);
  expect(clock.lagBytes(250n)).toBe(50);
});

test('a replica read a moment later than the primary is not ahead', () => {
  const clock = new LagClock();
  clock.note(0, 100n);
  expect(clock.lagBytes(150n)).toBe(0);
});

test('a new primary that stands before the end of the old one starts afresh', () => {
  const clock = new LagClock();
  clock.note(0, 500n);
  clock.note(10, 400n);
  expect(clock.lagBytes(400n)).toBe(0);
});

test('places in the log are read and written as the server does', () => {
  expect(formatLsn(parseLsn('16/B374D848'))).toBe('16/B374D848');
  expect(parseLsn('0/FFFFFFFF') < parseLsn('1/0')).toBe(true);
  expect(() => parseLsn('nonsense')).toThrow(RangeError);
});

test('a token comes back as it was, and what is no token is refused', () => {
  const point = { systemIdentifier: '7564387', timeline: 2, lsn: parseLsn('1/AB') };
  expect(parseToken(formatToken(point))).toEqual(point);
  expect(() => parseToken('1.2')).toThrow(expect.objectContaining({ code: 'DB_CONFIG_INVALID' }));
});

test('of two tokens the later asks for more, by timeline before place', () => {
  const early = { systemIdentifier: '1', timeline: 1, lsn: 9n };
  const late = { systemIdentifier: '1', timeline: 2, lsn: 5n };
  expect(laterPoint(early, late)).toBe(late);
  expect(laterPoint(late, { ...late, lsn: 4n })).toBe(late);
  expect(laterPoint(null, early)).toBe(early);
});
