import { invariant } from '@tradestream/runtime';

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/**
 * The partition of a key: murmur2 of its bytes, as Java's default partitioner and kafkajs'
 * DefaultPartitioner compute it (librdkafka: `murmur2_random`).
 */
export function partitionOf(key: Buffer | string, partitionCount: number): number {
  invariant(Number.isInteger(partitionCount) && partitionCount > 0, 'a topic has at least one partition');
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  return (murmur2(bytes) & 0x7fffffff) % partitionCount;
}

function murmur2(bytes: Buffer): number {
  const length = bytes.length;
  const wordsEnd = length - (length % 4);
  let hash = SEED ^ length;
  for (let at = 0; at < wordsEnd; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  if (wordsEnd < length) {
    for (let at = length - 1; at >= wordsEnd; at -= 1) hash ^= (bytes[at] ?? 0) << ((at - wordsEnd) * 8);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}
