import { createHash } from 'node:crypto';

/**
 * Two different users of a population of `users`, drawn from the seed and the trade's id alone, so
 * that a trade has the same users in every run and whatever was read before it.
 */
export function drawUsers(
  seed: string,
  tradeId: string,
  users: number,
): { readonly buyer: string; readonly seller: string } {
  const drawn = createHash('sha256').update(`${seed}/${tradeId}`).digest();
  const first = drawn.readUInt32BE(0) % users;
  const step = 1 + (drawn.readUInt32BE(4) % (users - 1));
  return { buyer: userName(first), seller: userName((first + step) % users) };
}

function userName(index: number): string {
  return `trader-${String(index + 1).padStart(3, '0')}`;
}
