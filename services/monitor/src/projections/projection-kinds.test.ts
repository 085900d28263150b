import { expect, test } from 'vitest';
import { isWanted } from './projection-kinds.ts';

const seen = { liveVersion: 2, keptVersion: 1 };

test('a rebuild was made by others when a version is read that was not there before, and by no rollback', () => {
  const rebuilt = (version: number | null, given = seen) => isWanted({ verb: 'rebuild', seen: given }, version);
  expect([rebuilt(3), rebuilt(4), rebuilt(1), rebuilt(null)]).toEqual([true, true, false, false]);
  // After a rollback the version kept is the newer one: going back to that is no rebuild either.
  expect(rebuilt(2, { liveVersion: 1, keptVersion: 2 })).toBe(false);
});

test('a rollback was made by others when the version is read that was kept', () => {
  const isBack = (version: number | null) => isWanted({ verb: 'rollback', seen }, version);
  expect([isBack(1), isBack(2), isBack(3), isBack(null)]).toEqual([true, false, false, false]);
});
