const PLACES = 18;
const SCALE = 10n ** BigInt(PLACES);

/** A decimal text of the database as a count of 10^-18, of any magnitude. */
export function unitsOf(text: string): bigint {
  const dot = text.indexOf('.');
  if (dot === -1) return BigInt(text) * SCALE;
  return BigInt(
    text.slice(0, dot) +
      text
        .slice(dot + 1)
        .padEnd(PLACES, '0')
        .slice(0, PLACES),
  );
}

/** The product of two amounts, rounded down at 18 places. */
export function productDown(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product - (product % SCALE)) / SCALE;
}

/** The product of two amounts, rounded up at 18 places. */
export function productUp(a: bigint, b: bigint): bigint {
  const down = productDown(a, b);
  return down * SCALE === a * b ? down : down + 1n;
}

/** The quotient of two positive amounts, rounded half up at 18 places. */
export function quotientHalfUp(dividend: bigint, divisor: bigint): bigint {
  const scaled = dividend * SCALE;
  const rest = scaled % divisor;
  return (scaled - rest) / divisor + (rest * 2n >= divisor ? 1n : 0n);
}
