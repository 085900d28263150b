import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';
import { MetricHistory } from './metric-history.ts';
import { FINE, judgeThreshold } from './threshold.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('the last hour is kept as it was sampled', () => {
  const history = new MetricHistory(7 * DAY);
  for (let atMs = 0; atMs < 60_000; atMs += 5_000) history.add(atMs, atMs);
  expect(history.between(10_000, 20_000)).toEqual([
    { atMs: 10_000, mean: 10_000, max: 10_000, samples: 1 },
    { atMs: 15_000, mean: 15_000, max: 15_000, samples: 1 },
  ]);
});

test('a week of samples is kept in a few thousand points, with their peaks', () => {
  const history = new MetricHistory(7 * DAY);
  for (let atMs = 0; atMs < 9 * DAY; atMs += 60_000) history.add(atMs, atMs === 3 * DAY ? 1_000 : 1);
  const points = history.between(0, 9 * DAY);
  expect(points.length).toBeLessThan(4_000);
  expect(points[0]?.atMs).toBeGreaterThanOrEqual(2 * DAY - 900_000);
  expect(points.find((point) => point.atMs === 3 * DAY)).toMatchObject({ max: 1_000, samples: 15 });
  const times = points.map((point) => point.atMs);
  expect(times).toEqual([...new Set(times)].toSorted((one, other) => one - other));
});

test('what is older than the retention is gone', () => {
  const history = new MetricHistory(60_000);
  history.add(0, 1);
  history.add(HOUR, 2);
  history.add(2 * HOUR, 3);
  expect(history.between(0, 3 * HOUR).map((point) => point.mean)).toEqual([3]);
});

test.each([
  ['7d', 7 * DAY],
  ['12h', 12 * HOUR],
  ['30m', 1_800_000],
  ['10s', 10_000],
  ['500ms', 500],
])('%s is a duration', (text, ms) => {
  expect(parseDuration(text, 'retentionPeriod')).toBe(ms);
});

test.each(['7', 'd', '-1d', '7w', ''])('%j is no duration', (text) => {
  expect(() => parseDuration(text, 'retentionPeriod')).toThrow(expect.objectContaining({ code: 'DB_CONFIG_INVALID' }));
});

test('an alert fires at its threshold and ends after two samples well below', () => {
  const values = [79, 80, 75, 63, 75, 63, 62, 79];
  const firing: boolean[] = [];
  let state = FINE;
  for (const value of values) {
    state = judgeThreshold(state, value, 80);
    firing.push(state.firing);
  }
  expect(firing).toEqual([false, true, true, true, true, true, false, false]);
});
