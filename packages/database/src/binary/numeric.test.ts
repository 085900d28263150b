import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amountFromNumeric } from './amount-from-numeric.ts';
import { BinaryWriter } from './binary-writer.ts';
import { writeNumeric18 } from './numeric.ts';

const LIMIT = 10n ** 38n;
const anyAmount = fc.oneof(
  fc.bigInt({ min: 1n - LIMIT, max: LIMIT - 1n }),
  fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
  fc.bigInt({ min: -12n, max: 12n }),
  // Numbers with zeros in groups of four, which the binary form leaves out at both ends.
  fc
    .tuple(fc.bigInt({ min: -9_999n, max: 9_999n }), fc.nat({ max: 33 }))
    .map(([digits, zeros]) => digits * 10n ** BigInt(zeros)),
);

/** The element as bytes, without the array around it. */
function bytesOf(amount: bigint): Buffer {
  const writer = new BinaryWriter();
  writer.beginArray(1_700, 1);
  writeNumeric18(writer, amount);
  return writer.takeArray().subarray(20);
}

/** Reads NUMERIC's binary form by its description: digits in base 10,000, the weight of the first, sign, scale. */
function readNumeric(bytes: Buffer): {
  readonly text: string;
  readonly digits: readonly number[];
  readonly weight: number;
} {
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  const count = bytes.readUInt16BE(4);
  const weight = bytes.readInt16BE(6);
  const sign = bytes.readUInt16BE(8);
  expect([0, 0x4000]).toContain(sign);
  expect(bytes.readUInt16BE(10)).toBe(18);
  expect(bytes.length).toBe(12 + count * 2);
  const digits = Array.from({ length: count }, (_, index) => bytes.readUInt16BE(12 + index * 2));
  const group = (power: number) => String(digits[weight - power] ?? 0).padStart(4, '0');
  const powers = (from: number, to: number) =>
    Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index);
  const whole = powers(Math.max(0, weight), 0).map(group).join('');
  const places = powers(-1, -5).map(group).join('').slice(0, 18);
  return { text: `${sign === 0 ? '' : '-'}${whole.replace(/^0+(?=\d)/, '')}.${places}`, digits, weight };
}

/** The text by long division, for comparison. */
function textOf(amount: bigint): string {
  const magnitude = amount < 0n ? -amount : amount;
  const places = (magnitude % 10n ** 18n).toString().padStart(18, '0');
  return `${amount < 0n ? '-' : ''}${magnitude / 10n ** 18n}.${places}`;
}

describe('writeNumeric18', () => {
  test('writes the number that the text form has, for every decimal', () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        expect(readNumeric(bytesOf(amount)).text).toBe(textOf(amount));
      }),
      { numRuns: 2_000 },
    );
  });

  test('writes no zero group at either end, and every group below 10,000', () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        const { digits } = readNumeric(bytesOf(amount));
        expect([digits.at(0), digits.at(-1)]).not.toContain(0);
        expect(digits.filter((digit) => digit > 9_999)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('writes zero as no digit at all, without a sign', () => {
    const bytes = bytesOf(0n);
    expect([bytes.readUInt16BE(4), bytes.readUInt16BE(8), bytes.length]).toEqual([0, 0, 12]);
  });

  test('writes the bytes of known numbers', () => {
    expect(bytesOf(10n ** 18n).toString('hex')).toBe('0000000a00010000000000120001');
    expect(bytesOf(-15n * 10n ** 17n).toString('hex')).toBe('0000000c000200004000001200011388');
    expect(bytesOf(1n).toString('hex')).toBe('0000000a0001fffb000000120064');
  });
});

describe('amountFromNumeric', () => {
  test('reads what the text form of a NUMERIC has', () => {
    fc.assert(
      fc.property(anyAmount, fc.nat({ max: 18 }), (amount, zeros) => {
        const text = textOf(amount);
        expect(amountFromNumeric(text)).toBe(amount);
        const shorter = text.slice(0, text.length - zeros);
        if (/\.\d*[1-9]$/.test(shorter) && /^0*$/.test(text.slice(text.length - zeros))) {
          expect(amountFromNumeric(shorter)).toBe(amount);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('reads numbers with fewer places or none', () => {
    expect(['0', '7', '-7', '0.5', '-0.5', '12.000'].map(amountFromNumeric)).toEqual(
      [0n, 70n, -70n, 5n, -5n, 120n].map((tenths) => tenths * 10n ** 17n),
    );
  });

  test('refuses what is no amount instead of rounding it', () => {
    expect(() => amountFromNumeric('0.0000000000000000001')).toThrow(RangeError);
    for (const text of ['NaN', 'Infinity', '1e5', '']) expect(() => amountFromNumeric(text)).toThrow(SyntaxError);
  });
});
