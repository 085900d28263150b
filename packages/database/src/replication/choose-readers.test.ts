import { expect, test } from 'vitest';
import { chooseReaders, type ReadCandidate } from './choose-readers.ts';
import { judgeLag, NOT_LAGGING } from './node-health.ts';

function node(name: string, given: Partial<ReadCandidate> = {}): ReadCandidate {
  return { name, isPrimary: name === 'p', healthy: true, inFlight: 0, latencyMs: 1, ...given };
}
const FIRST = () => 0;
const namesOf = (...given: Parameters<typeof chooseReaders>) => chooseReaders(...given).map(({ name }) => name);

test('primary reads at the primary alone', () => {
  expect(namesOf([node('p'), node('r')], 'primary', FIRST)).toEqual(['p']);
});

test('secondary takes the replica with the least in flight, and the primary last', () => {
  const nodes = [node('p'), node('r1', { inFlight: 3 }), node('r2', { inFlight: 1 }), node('r3', { healthy: false })];
  expect(namesOf(nodes, 'secondary', FIRST)).toEqual(['r2', 'r1', 'p']);
});

test('nearest weighs latency by what is in flight, the primary included', () => {
  const nodes = [node('p', { latencyMs: 2 }), node('r1', { latencyMs: 1, inFlight: 4 }), node('r2', { latencyMs: 9 })];
  expect(namesOf(nodes, 'nearest', FIRST)).toEqual(['p', 'r1', 'r2']);
});

test('equals take turns by chance', () => {
  const chances = [0.9, 0.1];
  const random = () => chances.shift() ?? 0;
  expect(namesOf([node('r1'), node('r2')], 'secondary', random)).toEqual(['r2', 'r1']);
});

test('without a replica that is fit the primary serves', () => {
  expect(namesOf([node('p'), node('r', { healthy: false })], 'secondary', FIRST)).toEqual(['p']);
});

test('a replica is let in again only well within its bounds, twice in a row', () => {
  const bounds = { bytesMax: 100, msMax: 1_000 };
  const out = judgeLag(NOT_LAGGING, { bytes: 101, ms: 0 }, bounds);
  expect(out.lagging).toBe(true);
  expect(judgeLag(NOT_LAGGING, { bytes: 0, ms: 1_001 }, bounds).lagging).toBe(true);
  const near = judgeLag(out, { bytes: 80, ms: 0 }, bounds);
  expect(near).toEqual({ lagging: true, good: 0 });
  const once = judgeLag(near, { bytes: 10, ms: 10 }, bounds);
  expect(once).toEqual({ lagging: true, good: 1 });
  expect(judgeLag(once, { bytes: 10, ms: 10 }, bounds)).toEqual(NOT_LAGGING);
  expect(judgeLag(once, { bytes: 80, ms: 10 }, bounds)).toEqual({ lagging: true, good: 0 });
});
