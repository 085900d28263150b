import type { Amount } from './commands.ts';

/** 1 as an Amount. */
export const UNIT: Amount = 10n ** 18n;

/** 10^20 as an Amount: every magnitude, and every available + held, stays below it. */
export const LIMIT: Amount = 10n ** 38n;

/** Kept: negating it at each look would make an object each time. */
const NEGATIVE_LIMIT: Amount = -LIMIT;

/** Sign, digits before the point without leading zeros, at most 18 after it. Matching takes linear time. */
const DECIMAL = /^(-?)(?=[0-9])0*([1-9][0-9]*)?(?:\.([0-9]{1,18}))?$/;
/** Digits before the point of a magnitude below 10^20. */
const WHOLE_DIGITS_MAX = 20;

/** A decimal text of at most 18 places and a magnitude below 10^20, exactly; null for any other text. */
export function parseAmount(text: string): Amount | null {
  const [matched, sign = '', whole = '', places = ''] = DECIMAL.exec(text) ?? [];
  // Checked before it becomes a number: reading a long text as one takes time in its square.
  if (matched === undefined || whole.length > WHOLE_DIGITS_MAX) return null;
  const magnitude = BigInt(whole + places.padEnd(18, '0'));
  return sign === '-' ? -magnitude : magnitude;
}

/** The canonical text: no exponent, no trailing zeros, `0` for zero. */
export function formatAmount(amount: Amount): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(19, '0');
  const whole = digits.slice(0, -18);
  const places = digits.slice(-18).replace(/0+$/, '');
  return `${amount < 0n ? '-' : ''}${whole}${places === '' ? '' : `.${places}`}`;
}

/** Whether the magnitude is one that an amount may have. */
export function isAmount(amount: Amount): boolean {
  return amount < LIMIT && amount > NEGATIVE_LIMIT;
}

/** The product of two amounts that are not negative, rounded down at 18 places: the cost of a trade. */
export function floorMultiply18(a: Amount, b: Amount): Amount {
  return (a * b) / UNIT;
}

/** The product of two amounts that are not negative, rounded up at 18 places: a hold. */
export function ceilMultiply18(a: Amount, b: Amount): Amount {
  return (a * b + (UNIT - 1n)) / UNIT;
}

/** The quotient of two amounts, the divisor above 0 and the dividend not negative, half up at 18 places. */
export function divideHalfUp18(dividend: Amount, divisor: Amount): Amount {
  return (2n * dividend * UNIT + divisor) / (2n * divisor);
}
