import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TouchedBalances } from './touched-balances.ts';

const anyBalance = fc.record({
  userId: fc.string({ minLength: 1, maxLength: 8 }),
  asset: fc.constantFrom('BTC', 'USDT'),
  available: fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
  held: fc.oneof(
    fc.bigInt({ min: 0n, max: 5n }),
    fc.bigInt({ min: 2n ** 63n, max: 2n ** 65n }),
    fc.bigInt({ min: 0n, max: 10n ** 38n - 1n }),
  ),
  version: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
});

test('every balance is read as it was written last, beside the version that was found', () => {
  const pair = fc.tuple(anyBalance, anyBalance, fc.boolean());
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 200 }), (pairs) => {
      const touched = new TouchedBalances();
      const model = pairs.map(([found, after, isWritten], place) => {
        expect(touched.add(found, { slot: place, changes: 3 })).toBe(place);
        if (!isWritten) return { found, now: found };
        const now = { ...found, available: after.available, held: after.held, version: after.version };
        touched.write(place, now);
        return { found, now };
      });
      for (const [place, { found, now }] of model.entries()) {
        expect(touched.read(place)).toEqual(now);
        expect(touched.foundVersionAt(place)).toBe(found.version);
        expect(touched.spotAt(place)).toEqual({ slot: place, changes: 3 });
      }
    }),
  );
});

test('it grows beyond its first size, and gives rows in the order that is asked for', () => {
  const touched = new TouchedBalances();
  for (let place = 0; place < 5_000; place += 1) {
    const amount = BigInt(place);
    touched.add(
      { userId: `u${place}`, asset: 'BTC', available: amount, held: amount << 70n, version: place },
      { slot: place, changes: 0 },
    );
  }
  expect(touched.columns([4_999, 0, 1_024])).toEqual({
    users: ['u4999', 'u0', 'u1024'],
    assets: ['BTC', 'BTC', 'BTC'],
    foundVersions: [4_999, 0, 1_024],
    versions: [4_999, 0, 1_024],
    available: [4_999n, 0n, 1_024n],
    held: [4_999n << 70n, 0n, 1_024n << 70n],
  });
});

test('the names of a batch stay when it was cleared for the next', () => {
  const touched = new TouchedBalances();
  const found = { userId: 'ann', asset: 'BTC', available: 1n, held: 0n, version: 1 };
  touched.add(found, { slot: 0, changes: 0 });
  const { names } = touched;
  touched.clear();
  expect(touched.count).toBe(0);
  touched.add({ ...found, userId: 'bob' }, { slot: 0, changes: 0 });
  expect(names).toEqual({ users: ['ann'], assets: ['BTC'] });
});
