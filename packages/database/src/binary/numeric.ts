import type { BinaryWriter } from './binary-writer.ts';

const GROUP = 10_000;
/** 10^-18 counts have 4 groups of 4 digits after the point and 2 digits of a fifth. */
const SCALE = 18;
const FRACTION_GROUPS = 5;
/** Brings 18 places to the 20 that five groups hold. */
const PADDING = 100;
const NEGATIVE = 0x4000;
const WORD = 2 ** 32;
const LOW_HALF_MAX = 2n ** 64n - 1n;
const BITS_MAX = 2n ** 128n - 1n;

const groups = new Uint16Array(16);
/** The amount's 128 bits, least significant word first; what is written as BigInt is read as words. */
const halves = new BigUint64Array(2);
const words = new Uint32Array(halves.buffer);
/** The amount with its padding: one word longer. */
const limbs = new Uint32Array(5);

/** Appends a count of 10^-18 as PostgreSQL's binary NUMERIC: groups of four digits, 18 places shown. */
export function writeNumeric18(writer: BinaryWriter, amount: bigint): void {
  const count = splitGroups(amount < 0n ? -amount : amount);
  let trailing = 0;
  while (trailing < count && groups[trailing] === 0) trailing += 1;
  writer.int32(8 + (count - trailing) * 2);
  writer.int16(count - trailing);
  writer.int16((count - 1 - FRACTION_GROUPS) & 0xffff);
  writer.int16(amount < 0n ? NEGATIVE : 0);
  writer.int16(SCALE);
  for (let index = count - 1; index >= trailing; index -= 1) writer.int16(groups[index] ?? 0);
}

/**
 * Splits a padded amount into groups of four digits, the lowest first; returns their count without
 * leading zeros. In doubles, word by word: a BigInt for each division made a tenth of a worker's garbage.
 */
function splitGroups(value: bigint): number {
  let length = loadLimbs(value);
  let count = 0;
  while (length > 0) {
    let rest = 0;
    for (let index = length - 1; index >= 0; index -= 1) {
      const dividend = rest * WORD + (limbs[index] ?? 0);
      const quotient = Math.floor(dividend / GROUP);
      limbs[index] = quotient;
      rest = dividend - quotient * GROUP;
    }
    groups[count] = rest;
    count += 1;
    while (length > 0 && limbs[length - 1] === 0) length -= 1;
  }
  return count;
}

/** Puts the amount times its padding into `limbs`; returns how many are in use. */
function loadLimbs(value: bigint): number {
  if (value > BITS_MAX) throw new RangeError('an amount has at most 38 digits');
  halves[0] = value;
  if (value > LOW_HALF_MAX) halves[1] = value >> 64n;
  else words.fill(0, 2);
  let carry = 0;
  for (let index = 0; index < 4; index += 1) {
    const product = (words[index] ?? 0) * PADDING + carry;
    carry = Math.floor(product / WORD);
    limbs[index] = product - carry * WORD;
  }
  limbs[4] = carry;
  let length = 5;
  while (length > 0 && limbs[length - 1] === 0) length -= 1;
  return length;
}
