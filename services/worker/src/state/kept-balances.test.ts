import type { Balance } from '@tradestream/trading';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptBalances } from './kept-balances.ts';

const ASSET = 'USD';

function balanceOf(userId: string, available: bigint, held: bigint, version: number): Balance {
  return { userId, asset: ASSET, available, held, version };
}

const anyAmount = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }), fc.bigInt({ min: 0n, max: 3n }));

test('a balance comes back as it was kept, whatever its size', () => {
  fc.assert(
    fc.property(anyAmount, anyAmount, fc.nat(), (available, held, version) => {
      const kept = new KeptBalances(ASSET, 10);
      kept.set(balanceOf('u', 1n, 2n, 3));
      kept.set(balanceOf('u', available, held, version));
      expect(kept.take(1, 'u', 0)).toEqual(balanceOf('u', available, held, version));
    }),
  );
});

test('after any writes and deletions the newest balance of a user is found, and no deleted one', () => {
  const user = fc.integer({ min: 0, max: 3_000 }).map((number) => `u${number}`);
  const step = fc.tuple(user, fc.boolean(), anyAmount);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 4_000, size: 'max' }), (steps) => {
      const kept = new KeptBalances(ASSET, 100_000);
      const model = new Map<string, Balance>();
      for (const [index, [userId, isDeleted, available]] of steps.entries()) {
        const balance = balanceOf(userId, available, 0n, index);
        if (isDeleted) {
          kept.delete(userId);
          model.delete(userId);
        } else {
          kept.set(balance);
          model.set(userId, balance);
        }
      }
      for (const [userId] of steps) expect(kept.take(1, userId, 0)).toEqual(model.get(userId));
    }),
    { numRuns: 20 },
  );
});

test('what was not asked for while a generation filled up is forgotten, what was asked for is not', () => {
  const kept = new KeptBalances(ASSET, 3);
  for (const userId of ['a', 'b', 'c', 'd']) kept.set(balanceOf(userId, 1n, 0n, 1));
  expect(kept.take(1, 'a', 0)?.version).toBe(1);
  for (const userId of ['e', 'f']) kept.set(balanceOf(userId, 1n, 0n, 1));
  expect(kept.take(1, 'a', 0)?.version).toBe(1);
  expect(kept.take(1, 'b', 1)).toBeUndefined();
});

test('a batch finds its own place again until the balance is written, another batch does not', () => {
  const kept = new KeptBalances(ASSET, 2);
  kept.set(balanceOf('a', 1n, 0n, 1));
  kept.take(7, 'a', 40);
  expect([kept.placeIn(7, 'a'), kept.placeIn(8, 'a'), kept.placeIn(7, 'b')]).toEqual([40, -1, -1]);
  kept.set(balanceOf('b', 1n, 0n, 1));
  kept.set(balanceOf('c', 1n, 0n, 1));
  expect(kept.placeIn(7, 'a')).toBe(40);
  kept.set(balanceOf('a', 2n, 0n, 2));
  expect(kept.placeIn(7, 'a')).toBe(-1);
});

test('a balance is set where it was taken, also when the generations have changed since', () => {
  const kept = new KeptBalances(ASSET, 2);
  const spotOf = (userId: string) => {
    kept.take(1, userId, 0);
    return { slot: kept.slot, changes: kept.changes };
  };
  const versions = (...userIds: readonly string[]) => userIds.map((userId) => kept.take(2, userId, 0)?.version);
  for (const userId of ['a', 'b']) kept.set(balanceOf(userId, 1n, 0n, 1));
  const [a, b] = [spotOf('a'), spotOf('b')];
  kept.setAt(a, balanceOf('a', 5n, 6n, 2));
  expect(kept.take(2, 'a', 0)).toEqual(balanceOf('a', 5n, 6n, 2));
  kept.set(balanceOf('c', 1n, 0n, 1));
  kept.setAt(b, balanceOf('b', 7n, 0n, 3));
  expect(versions('a', 'b', 'c')).toEqual([2, 3, 1]);
  const stale = spotOf('c');
  kept.delete('c');
  kept.set(balanceOf('d', 1n, 0n, 1));
  kept.setAt(stale, balanceOf('c', 2n, 0n, 2));
  expect(versions('c', 'd')).toEqual([2, 1]);
});
