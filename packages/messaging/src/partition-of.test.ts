import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { partitionOf } from './partition-of.ts';

const MANY = 0x7fffffff;

// Computed by org.apache.kafka.common.utils.Utils.murmur2 and toPositive (its own test vectors).
const JAVA: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test.each(JAVA)('the hash of %s is the one that Java computes', (key, hash) => {
  expect(partitionOf(key, MANY)).toBe((hash & MANY) % MANY);
});

test('text and its UTF-8 bytes have the same partition', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      expect(partitionOf(key, 6)).toBe(partitionOf(Buffer.from(key), 6));
    }),
  );
});

test('any bytes get the partition that the default partitioner of kafkajs chooses', () => {
  const partition = kafkajsPartitioner();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 200 }), (bytes, partitionCount) => {
      const key = Buffer.from(bytes);
      expect(partitionOf(key, partitionCount)).toBe(partition(key, partitionCount));
    }),
  );
});

function kafkajsPartitioner(): (key: Buffer, partitionCount: number) => number {
  // The reference is the client's own module: its root export would have to be imported in the adapter's folder.
  const createPartitioner: unknown = createRequire(import.meta.url)(
    'kafkajs/src/producer/partitioners/default/index.js',
  );
  const choose = (createPartitioner as () => (input: unknown) => number)();
  return (key, partitionCount) =>
    choose({
      topic: 'any',
      message: { key },
      partitionMetadata: Array.from({ length: partitionCount }, (_, partitionId) => ({ partitionId, leader: 0 })),
    });
}
