import type { LogRecord } from '@tradestream/messaging';
import { expect, test } from 'vitest';
import { Intake } from './intake.ts';

test('a batch is merged over the partitions by time, each keeping its own order', async () => {
  const intake = new Intake({ queueRecordsMax: 100 });
  await intake.push(1, [record(1, 0, 30), record(1, 1, 5), record(1, 2, 40)]);
  await intake.push(0, [record(0, 0, 10), record(0, 1, 30)]);
  expect(placesOf(intake.take(10))).toEqual(['0/0', '0/1', '1/0', '1/1', '1/2']);
  expect(intake.waiting).toBe(0);
});

test('records of a batch that did not commit come again first, in their order', async () => {
  const intake = new Intake({ queueRecordsMax: 100 });
  await intake.push(
    0,
    [0, 1, 2, 3].map((offset) => record(0, offset, offset)),
  );
  const first = intake.take(2);
  const second = intake.take(1);
  intake.putBack(second);
  intake.putBack(first);
  expect(intake.firstOffset(0)).toBe(0);
  expect(placesOf(intake.take(10))).toEqual(['0/0', '0/1', '0/2', '0/3']);
});

test('a lane that is held gives nothing and wakes nobody until it is resumed, whatever comes', async () => {
  const intake = new Intake({ queueRecordsMax: 100 });
  await intake.push(0, [record(0, 5, 1)]);
  intake.hold(0);
  await intake.push(0, [record(0, 6, 2)]);
  intake.putBack([record(0, 4, 0)]);
  await intake.push(1, [record(1, 0, 9)]);
  expect(intake.waiting).toBe(1);
  expect(placesOf(intake.take(10))).toEqual(['1/0']);
  intake.dropBelow(0, 5);
  intake.resume(0);
  expect(intake.waiting).toBe(2);
  expect(placesOf(intake.take(10))).toEqual(['0/5', '0/6']);
});

test('a full lane holds its fetching back until there is room', async () => {
  const intake = new Intake({ queueRecordsMax: 2 });
  let resumed = false;
  const pushed = intake
    .push(
      0,
      [0, 1, 2].map((offset) => record(0, offset, 0)),
    )
    .then(() => {
      resumed = true;
    });
  await Promise.resolve();
  expect(resumed).toBe(false);
  intake.take(1);
  await pushed;
  expect(resumed).toBe(true);
});

test('few large values fill a lane, and a batch, as many small ones do', async () => {
  const intake = new Intake({ queueRecordsMax: 1_000 });
  const value = Buffer.alloc(1024 * 1024);
  const large = (count: number, partition = 0) =>
    Array.from({ length: count }, (_, offset) => ({ ...record(partition, offset, offset), value }));
  let resumed = false;
  const pushed = intake.push(0, large(5)).then(() => {
    resumed = true;
  });
  await Promise.resolve();
  expect(resumed).toBe(false);
  expect(intake.take(1)).toHaveLength(1);
  await pushed;
  intake.putBack(large(1));
  void intake.push(1, large(30, 1));
  expect(intake.take(100)).toHaveLength(16);
  expect(intake.waiting).toBe(19);
});

test('a lane that is given up lets its fetching go and leaves nothing behind', async () => {
  const intake = new Intake({ queueRecordsMax: 1 });
  const pushed = intake.push(
    0,
    [0, 1, 2].map((offset) => record(0, offset, 0)),
  );
  intake.clear(0);
  await pushed;
  expect(intake.waiting).toBe(0);
  expect(intake.take(10)).toEqual([]);
});

test('what a settled COMMIT has applied is dropped, and nothing else', async () => {
  const intake = new Intake({ queueRecordsMax: 100 });
  await intake.push(
    0,
    [0, 1, 2, 3].map((offset) => record(0, offset, offset)),
  );
  intake.dropBelow(0, 2);
  expect(intake.waiting).toBe(2);
  expect(placesOf(intake.take(10))).toEqual(['0/2', '0/3']);
});

function record(partition: number, offset: number, timestampMs: number): LogRecord {
  return { topic: 'trade-commands', partition, offset, timestampMs, key: null, value: null, headers: {} };
}

function placesOf(records: readonly LogRecord[]): readonly string[] {
  return records.map(({ partition, offset }) => `${partition}/${offset}`);
}
