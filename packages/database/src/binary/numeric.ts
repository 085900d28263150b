import type { ArrayWriter } from './array-writer.ts';

const GROUP = 10_000n;
/** 10^-18 counts have 4 groups of 4 digits after the point and 2 digits of a fifth. */
const SCALE = 18;
const FRACTION_GROUPS = 5;
/** Brings 18 places to the 20 that five groups hold. */
const PADDING = 100n;
const NEGATIVE = 0x4000;
/** 10^16: four groups, and still exact in a double's whole numbers when split in two. */
const FOUR_GROUPS = 10n ** 16n;

const groups = new Uint16Array(16);

/** Appends a count of 10^-18 as PostgreSQL's binary NUMERIC: groups of four digits, 18 places shown. */
export function writeNumeric18(writer: ArrayWriter, amount: bigint): void {
  const count = splitGroups((amount < 0n ? -amount : amount) * PADDING);
  let trailing = 0;
  while (trailing < count && groups[trailing] === 0) trailing += 1;
  writer.int32(8 + (count - trailing) * 2);
  writer.uint16(count - trailing);
  writer.uint16((count - 1 - FRACTION_GROUPS) & 0xffff);
  writer.uint16(amount < 0n ? NEGATIVE : 0);
  writer.uint16(SCALE);
  for (let index = count - 1; index >= trailing; index -= 1) writer.uint16(groups[index] ?? 0);
}

/** Splits into groups of four digits, the lowest first; returns their count without leading zeros. */
function splitGroups(value: bigint): number {
  let count = 0;
  let rest = value;
  while (rest >= FOUR_GROUPS) {
    const low = rest % FOUR_GROUPS;
    rest /= FOUR_GROUPS;
    count = splitSmall(low, count, 4);
  }
  if (rest > 0n) count = splitSmall(rest, count, 0);
  while (count > 0 && groups[count - 1] === 0) count -= 1;
  return count;
}

/** Splits a number below 10^16 by arithmetic on doubles; writes at least `least` groups. */
function splitSmall(value: bigint, start: number, least: number): number {
  const high = Number(value / (GROUP * GROUP));
  const low = Number(value % (GROUP * GROUP));
  const parts = [low % 10_000, Math.floor(low / 10_000), high % 10_000, Math.floor(high / 10_000)];
  let count = 4;
  while (count > least && parts[count - 1] === 0) count -= 1;
  for (let index = 0; index < count; index += 1) groups[start + index] = parts[index] ?? 0;
  return start + count;
}
