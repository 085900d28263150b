/** The two assets of a symbol. */
export type Pair = { readonly base: string; readonly quote: string };

const SYMBOL = /^([A-Z0-9]{2,12})-([A-Z0-9]{2,12})$/;
const PAIRS_KEPT = 10_000;
const pairs = new Map<string, Pair | null>();

/** The assets of a symbol `BASE-QUOTE`; null when the text is none. Remembers what it was asked. */
export function pairOf(symbol: string): Pair | null {
  const known = pairs.get(symbol);
  if (known !== undefined) return known;
  const match = SYMBOL.exec(symbol);
  const [, base, quote] = match ?? [];
  const pair = base === undefined || quote === undefined || base === quote ? null : { base, quote };
  // The memory is bounded whatever symbols are sent.
  if (pairs.size >= PAIRS_KEPT) pairs.clear();
  pairs.set(symbol, pair);
  return pair;
}
