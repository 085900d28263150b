import { expect, test } from 'vitest';
import type { OutgoingRecord } from '../ports.ts';
import { chooseQueues } from './choose-queues.ts';
import { PartitionQueue } from './partition-queue.ts';
import { SendCall } from './send-call.ts';
import { BufferPool } from './wire/buffer-pool.ts';
import { decodeBatches } from './wire/decode-batches.ts';
import { writeProduce } from './wire/produce.ts';

/** Room for headers, then what stands before the first batch of a topic named `t`. */
const FIRST_BATCH = 512 + 12 + 3 + 4 + 8;

function callOf(records: readonly OutgoingRecord[], places = true): SendCall {
  return new SendCall('t', records, { deadlineMs: 0, places, onSettled: () => undefined });
}

function waiting(records: readonly OutgoingRecord[], bytesMax = 1_000_000) {
  const call = callOf(records);
  const queue = new PartitionQueue('t', 0, bytesMax);
  for (const index of records.keys()) queue.add(call, index);
  return { call, queue };
}

/** The batch as the next request carries it. */
function nextBatch(queue: PartitionQueue, pool = new BufferPool()): Buffer {
  expect(queue.waits()).toBe(true);
  return Buffer.from(writeProduce([queue], { timeoutMs: 1, pool }).written().subarray(FIRST_BATCH));
}

function recordsIn(bytes: Buffer) {
  return decodeBatches({ bytes, topic: 't', partition: 0, from: 0, aborted: [] }).records;
}

function textRecord(text: string): OutgoingRecord {
  return { key: text, value: Buffer.from(text), timestampMs: 7, headers: { h: text } };
}

test('a batch that failed is sent again byte for byte, whatever came meanwhile', async () => {
  const { call, queue } = waiting(['a', 'b'].map(textRecord));
  const pool = new BufferPool();
  const first = nextBatch(queue, pool);
  expect(call.records).toEqual([]); // nothing holds what is in a batch
  const later = callOf([textRecord('c')], false);
  queue.add(later, 0);
  pool.give(Buffer.alloc(4096, 0xff));
  expect(nextBatch(queue, pool)).toEqual(first);
  queue.acknowledge(5);
  expect(await call.result).toEqual([
    { partition: 0, offset: 5 },
    { partition: 0, offset: 6 },
  ]);
  expect(recordsIn(nextBatch(queue, pool)).map(({ value }) => value?.toString())).toEqual(['c']);
  queue.acknowledge(7);
  expect(await later.result).toEqual([]); // it wanted no places
});

test('records of every length come back as they were, beyond what was expected of their size', () => {
  // Around each step of a length's length: 63 characters are one byte's worth, a body of 64 or 8,192 bytes one more.
  const sizes = [0, 1, 20, 40, 62, 63, 64, 65, 127, 128, 8_100, 8_192, 70_000];
  const texts = [...sizes.map((size) => 'x'.repeat(size)), 'ä'.repeat(63), 'aä', '𝄞'];
  const { queue } = waiting(texts.map(textRecord));
  const found = recordsIn(nextBatch(queue));
  expect(found.map(({ key }) => key?.toString())).toEqual(texts);
  expect(found.map(({ value }) => value?.toString())).toEqual(texts);
  expect(found.map(({ headers }) => String(headers['h']))).toEqual(texts);
});

test('a batch ends before the record that would make it too large, which leads the next', async () => {
  const texts = ['a', 'b', 'c'].map((text) => text.repeat(300));
  const { call, queue } = waiting(texts.map(textRecord), 2_100);
  expect(recordsIn(nextBatch(queue))).toHaveLength(2);
  queue.acknowledge(10);
  expect(recordsIn(nextBatch(queue)).map(({ value }) => value?.toString())).toEqual([texts[2]]);
  queue.acknowledge(20);
  expect((await call.result).map(({ offset }) => offset)).toEqual([10, 11, 20]);
});

test('a round takes each queue once, up to 16, and those that had to wait lead the next', () => {
  const queues = new Map(
    Array.from({ length: 20 }, (_, partition) => {
      const queue = new PartitionQueue('t', partition, 1_000);
      queue.add(waiting([textRecord('a')]).call, 0);
      return [`t/${partition}`, queue] as const;
    }),
  );
  const leaders = new Map([['t', new Map(Array.from({ length: 20 }, (_, partition) => [partition, partition % 2]))]]);
  const chosen = () => [...chooseQueues(queues, leaders).values()].flat().map(({ partition }) => partition);
  const first = chosen();
  expect(new Set(first).size).toBe(first.length);
  expect(first).toHaveLength(16);
  const second = chosen();
  expect(second).toEqual(expect.arrayContaining([16, 17, 18, 19]));
  expect(new Set(second).size).toBe(16);
});

test('memory that is too small makes way for what is wanted; of all that is large enough the smallest is taken', () => {
  const pool = new BufferPool();
  const [small, large] = [pool.take(100), pool.take(200)];
  pool.give(large);
  pool.give(small);
  expect(pool.take(50)).toBe(small);
  expect(pool.take(300)).toHaveLength(300);
  expect(pool.take(150)).not.toBe(large);
});
