import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ceilMultiply18,
  divideHalfUp18,
  floorMultiply18,
  formatAmount,
  isAmount,
  LIMIT,
  parseAmount,
  UNIT,
} from './amount.ts';

const anyAmount = fc.bigInt({ min: 1n - LIMIT, max: LIMIT - 1n });
const positive = fc.bigInt({ min: 0n, max: LIMIT - 1n });

describe('parseAmount', () => {
  test('reads decimals exactly', () => {
    expect(parseAmount('1')).toBe(UNIT);
    expect(parseAmount('-1.5')).toBe(-3n * (UNIT / 2n));
    expect(parseAmount('0.000000000000000001')).toBe(1n);
    expect(parseAmount('-0.000000000000000001')).toBe(-1n);
    expect(parseAmount('123456789.987654321')).toBe(123456789987654321n * 10n ** 9n);
    expect(parseAmount('0')).toBe(0n);
    expect(parseAmount('-0')).toBe(0n);
    expect(parseAmount('0.000000000000000000')).toBe(0n);
  });

  test('takes magnitudes below 10^20 and no other', () => {
    expect(parseAmount('99999999999999999999.999999999999999999')).toBe(LIMIT - 1n);
    expect(parseAmount('-99999999999999999999.999999999999999999')).toBe(1n - LIMIT);
    expect(parseAmount('100000000000000000000')).toBeNull();
    expect(parseAmount('-100000000000000000000')).toBeNull();
    expect(parseAmount('100000000000000000000.000000000000000001')).toBeNull();
  });

  test('takes leading zeros, however many', () => {
    expect(parseAmount('007')).toBe(7n * UNIT);
    expect(parseAmount('-000.5')).toBe(-UNIT / 2n);
    expect(parseAmount(`${'0'.repeat(5_000)}1.25`)).toBe((5n * UNIT) / 4n);
    expect(parseAmount(`${'0'.repeat(300)}99999999999999999999`)).toBe(LIMIT - UNIT);
    expect(parseAmount(`${'0'.repeat(300)}100000000000000000000`)).toBeNull();
  });

  test('counts trailing zeros as places', () => {
    expect(parseAmount('1.000000000000000000')).toBe(UNIT);
    expect(parseAmount('1.0000000000000000000')).toBeNull();
    expect(parseAmount('1.0000000000000000001')).toBeNull();
  });

  test('refuses every other form', () => {
    const wrong = ['', '-', '.', '.5', '5.', '-.5', '+1', ' 1', '1 ', '1\n', '1e3', '1E3', '0x10', '1,5', '1_000'];
    for (const text of [
      ...wrong,
      'NaN',
      'Infinity',
      '--1',
      '1.2.3',
      '１',
      '1.5.',
      '-1-',
      '1'.repeat(100_000),
      `${'0'.repeat(100_000)}x`,
    ]) {
      expect(parseAmount(text), text.slice(0, 20)).toBeNull();
    }
  });

  test('reads back what formatAmount writes', () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        expect(parseAmount(formatAmount(amount))).toBe(amount);
      }),
    );
  });
});

describe('formatAmount', () => {
  test('writes no exponent, no trailing zeros and no sign of zero', () => {
    expect(formatAmount(0n)).toBe('0');
    expect(formatAmount(1n)).toBe('0.000000000000000001');
    expect(formatAmount(-1n)).toBe('-0.000000000000000001');
    expect(formatAmount(UNIT)).toBe('1');
    expect(formatAmount(-100n * UNIT)).toBe('-100');
    expect(formatAmount((12n * UNIT) / 10n)).toBe('1.2');
    expect(formatAmount(LIMIT - 1n)).toBe('99999999999999999999.999999999999999999');
  });

  test('writes the one canonical form', () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        expect(formatAmount(amount)).toMatch(/^(0|-?(0|[1-9][0-9]*)\.[0-9]{0,17}[1-9]|-?[1-9][0-9]*)$/);
      }),
    );
  });
});

test('an amount has a magnitude below 10^20', () => {
  expect([LIMIT - 1n, 1n - LIMIT, 0n].map(isAmount)).toEqual([true, true, true]);
  expect([LIMIT, -LIMIT, LIMIT + 1n].map(isAmount)).toEqual([false, false, false]);
});

test('a cost is rounded down, a hold up, and only when there is a rest', () => {
  expect(floorMultiply18(3n, UNIT / 2n)).toBe(1n);
  expect(ceilMultiply18(3n, UNIT / 2n)).toBe(2n);
  expect(floorMultiply18(4n, UNIT / 2n)).toBe(2n);
  expect(ceilMultiply18(4n, UNIT / 2n)).toBe(2n);
  expect(floorMultiply18(1n, 1n)).toBe(0n);
  expect(ceilMultiply18(1n, 1n)).toBe(1n);
  expect(ceilMultiply18(0n, UNIT)).toBe(0n);
});

test('the roundings enclose the exact product and are at most one unit apart', () => {
  fc.assert(
    fc.property(positive, positive, (a, b) => {
      const [floor, ceil] = [floorMultiply18(a, b), ceilMultiply18(a, b)];
      expect(floor * UNIT <= a * b && a * b <= ceil * UNIT).toBe(true);
      expect(ceil - floor).toBe((a * b) % UNIT === 0n ? 0n : 1n);
    }),
  );
});

test('a quotient is rounded half up', () => {
  expect(divideHalfUp18(1n * UNIT, 3n * UNIT)).toBe(333_333_333_333_333_333n);
  expect(divideHalfUp18(2n * UNIT, 3n * UNIT)).toBe(666_666_666_666_666_667n);
  expect(divideHalfUp18(1n, 2n * UNIT)).toBe(1n);
  expect(divideHalfUp18(1n, 2n * UNIT + 1n)).toBe(0n);
  expect(divideHalfUp18(0n, UNIT)).toBe(0n);
  expect(divideHalfUp18(6n * UNIT, 2n * UNIT)).toBe(3n * UNIT);
});

test('a quotient is at most half a unit from the exact one', () => {
  fc.assert(
    fc.property(positive, fc.bigInt({ min: 1n, max: LIMIT - 1n }), (dividend, divisor) => {
      const twiceOff = 2n * (divideHalfUp18(dividend, divisor) * divisor - dividend * UNIT);
      expect(twiceOff > -divisor && twiceOff <= divisor).toBe(true);
    }),
  );
});
