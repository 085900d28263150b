/** A NUMERIC's text, of at most 18 places, as a count of 10^-18. */
export function amountFromNumeric(text: string): bigint {
  if (text === '') throw new SyntaxError('an empty text is no NUMERIC');
  const dot = text.indexOf('.');
  if (dot === -1) return BigInt(text) * 10n ** 18n;
  const places = text.slice(dot + 1);
  if (places.length > 18) throw new RangeError('a NUMERIC of more than 18 places is no amount');
  return BigInt(text.slice(0, dot) + places.padEnd(18, '0'));
}
