import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortByText } from './sort-by-text.ts';

type Row = { readonly id: string; readonly asset: string; readonly serial: number };

const compare = (a: Row, b: Row) => compareText(a.id, b.id) || compareText(a.asset, b.asset) || a.serial - b.serial;

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rowsOf(ids: readonly string[]): readonly Row[] {
  return ids.map((id, serial) => ({ id, asset: ['USDT', 'BTC', 'ETH'][serial % 3] ?? '', serial }));
}

function expectSorted(ids: readonly string[]): void {
  const rows = rowsOf(ids);
  expect(sortByText(rows, ({ id }) => id, compare)).toEqual(rows.toSorted(compare));
}

test('any texts are sorted as comparing sorts them', () => {
  const ids = fc.oneof(
    fc.array(fc.string({ maxLength: 12 }), { maxLength: 300 }),
    fc.array(fc.uuid(), { minLength: 64, maxLength: 300 }),
    fc.array(fc.constantFrom('user-1', 'user-10', 'user-2', 'user-', 'user', ''), { minLength: 64, maxLength: 300 }),
    fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { minLength: 64, maxLength: 300 }),
    fc
      .tuple(fc.string({ maxLength: 20 }), fc.array(fc.string({ maxLength: 12 }), { minLength: 64, maxLength: 300 }))
      .map(([prefix, ends]) => ends.map((end) => prefix + end)),
  );
  fc.assert(fc.property(ids, expectSorted));
});

test('ten thousand ids that are alike far beyond what is sorted by radix, but for one, are sorted too', () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `a-common-beginning-${(index * 7_919) % 10_000}`);
  expectSorted([...ids, 'b']);
});

test('what a larger sort left in its memory does not count in a smaller one', () => {
  expectSorted(Array.from({ length: 5_000 }, (_, index) => `user-${5_000 - index}`));
  expectSorted(Array.from({ length: 70 }, (_, index) => `user-${(index * 31) % 70}`));
});

test('the given items stay as they are', () => {
  const rows = rowsOf(Array.from({ length: 100 }, (_, index) => `user-${100 - index}`));
  const before = [...rows];
  sortByText(rows, ({ id }) => id, compare);
  expect(rows).toEqual(before);
});
