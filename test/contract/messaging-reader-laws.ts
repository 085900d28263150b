import type { LogRecord } from '@tradestream/messaging';
import { describe, expect, test } from 'vitest';
import { type Bench, numbered, textOf } from './messaging-bench.ts';

export function readerLaws(bench: Bench): void {
  const read = async (options: {
    topic: string;
    partition: number;
    from: number;
    to: number;
    signal?: AbortSignal;
  }) => {
    const reader = await bench.log().openReader();
    try {
      const records: LogRecord[] = [];
      for await (const batch of reader.read(options)) records.push(...batch);
      return records;
    } finally {
      await reader.close();
    }
  };

  const groupNames = async () => (await bench.admin().groups()).map(({ group }) => group);

  describe('reader', () => {
    test('a peek tells the first record at or after an offset, and nothing at the end', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, [
        { partition: 0, key: null, value: Buffer.from('old'), timestampMs: 1_000_000 },
        { partition: 0, key: null, value: Buffer.from('new'), timestampMs: 2_000_000 },
      ]);
      const reader = await bench.log().openReader();
      expect(await reader.peek({ topic, partition: 0, from: 1 })).toMatchObject({ offset: 1, timestampMs: 2_000_000 });
      expect(await reader.peek({ topic, partition: 0, from: 2 })).toBeNull();
      await reader.close();
      await producer.close();
    });

    test('a range holds its records from the first to before the last, and no group is left behind', async () => {
      const topic = await bench.topic(2);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(5_000, { partition: 1 }));
      const groupsBefore = await groupNames();
      const records = await read({ topic, partition: 1, from: 1_234, to: 4_321 });
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 3_087 }, (_, at) => 1_234 + at));
      expect(records.every((record) => textOf(record.value) === String(record.offset))).toBe(true);
      expect(await groupNames()).toEqual(groupsBefore);
      await producer.close();
    });

    test('a range beyond the end stops at the end, an empty one holds nothing', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(10, { partition: 0 }));
      expect(await read({ topic, partition: 0, from: 4, to: 1_000 })).toHaveLength(6);
      expect(await read({ topic, partition: 0, from: 10, to: 1_000 })).toEqual([]);
      expect(await read({ topic, partition: 0, from: 5, to: 5 })).toEqual([]);
      await producer.close();
    });

    test('an offset that retention has passed is an error that names it', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(10, { partition: 0 }));
      await bench.admin().deleteRecords(topic, new Map([[0, 4]]));
      await expect(read({ topic, partition: 0, from: 0, to: 10 })).rejects.toMatchObject({
        code: 'MSG_OFFSET_OUT_OF_RANGE',
        context: { topic, partition: 0, offset: 0 },
      });
      expect(await read({ topic, partition: 0, from: 4, to: 10 })).toHaveLength(6);
      await producer.close();
    });

    test('an unknown topic and an aborted read are typed errors', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(1, { partition: 0 }));
      const signal = AbortSignal.abort();
      await expect(read({ topic, partition: 0, from: 0, to: 1, signal })).rejects.toMatchObject({
        code: 'MSG_ABORTED',
      });
      await producer.close();
    });
  });
}
