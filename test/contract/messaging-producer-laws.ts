import type { LogRecord } from '@tradestream/messaging';
import {
  MessagingError,
  type OutgoingRecord,
  partitionOf,
  type RecordHeaders,
  type RecordPlace,
} from '@tradestream/messaging';
import { describe, expect, test } from 'vitest';
import { type Bench, textOf } from './messaging-bench.ts';

export function producerLaws(bench: Bench): void {
  describe('producer', () => {
    test('300 overlapping sends put exactly the acknowledged records on the log, at their places', async () => {
      const topic = await bench.topic();
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const sends = Array.from({ length: 300 }, async (_, index) => {
        const records = [0, 1].map((part) => ({ key: `key-${index % 17}`, value: Buffer.from(`${index}/${part}`) }));
        return { records, places: await producer.send(topic, records) };
      });
      const acknowledged = (await Promise.all(sends)).flatMap(({ records, places }) =>
        records.map((record, at) => `${placeText(places[at])} ${record.value.toString()}`),
      );
      expect(await everything(bench, topic)).toEqual(acknowledged.sort());
      await producer.close();
    });

    test('records of one key keep the order of the calls', async () => {
      const topic = await bench.topic();
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const sends = Array.from({ length: 200 }, async (_, index) =>
        producer.send(topic, [{ key: `key-${index % 5}`, value: Buffer.from(String(index)) }]),
      );
      await Promise.all(sends);
      for (let key = 0; key < 5; key += 1) {
        const partition = partitionOf(`key-${key}`, 3);
        const values = (await read(bench, topic, partition)).filter((record) => textOf(record.key) === `key-${key}`);
        const numbers = values.map((record) => Number(textOf(record.value)));
        expect(numbers).toEqual(Array.from({ length: 40 }, (_, index) => index * 5 + key));
      }
      await producer.close();
    });

    test('a key decides the partition by murmur2, a given partition wins over the key', async () => {
      const topic = await bench.topic(6);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const places = await producer.send(topic, [
        { key: 'BTC-USD', value: Buffer.from('by key') },
        { key: 'BTC-USD', partition: 5, value: Buffer.from('given') },
      ]);
      expect(places.map(({ partition }) => partition)).toEqual([partitionOf('BTC-USD', 6), 5]);
      await producer.close();
    });

    test('null keys, null values, empty values, headers and timestamps come back as they were', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const sent: OutgoingRecord[] = [
        { key: null, value: null, timestampMs: 1_600_000_000_123 },
        {
          key: 'k',
          value: Buffer.alloc(0),
          headers: { ce_id: 'one', twice: ['a', Buffer.from('b')], absent: undefined },
        },
        { key: Buffer.from([0, 255]), value: Buffer.from('x'), timestampMs: 1_500_000_000_000, headers: {} },
        new MadeWhenAsked('late'),
      ];
      await producer.send(topic, sent);
      const records = await read(bench, topic, 0);
      expect(records.map(({ key }) => key)).toEqual([
        null,
        Buffer.from('k'),
        Buffer.from([0, 255]),
        Buffer.from('late'),
      ]);
      expect(records.map(({ value }) => value)).toEqual([null, Buffer.alloc(0), Buffer.from('x'), Buffer.from('late')]);
      expect(records.map(({ headers }) => headers)).toEqual([
        {},
        { ce_id: Buffer.from('one'), twice: [Buffer.from('a'), Buffer.from('b')] },
        {},
        { name: Buffer.from('late') },
      ]);
      expect([records[0]?.timestampMs, records[2]?.timestampMs]).toEqual([1_600_000_000_123, 1_500_000_000_000]);
      expect(Math.abs((records[1]?.timestampMs ?? 0) - Date.now())).toBeLessThan(60_000);
      await producer.close();
    });

    test('a topic that does not exist is refused with its name, other topics go on', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const missing = producer.send('laws-missing', [{ key: 'k', value: null }]);
      const [refusal, sent] = await Promise.allSettled([missing, producer.send(topic, [{ key: 'k', value: null }])]);
      expect(sent.status).toBe('fulfilled');
      expect(refusal).toMatchObject({ status: 'rejected', reason: { code: 'MSG_UNKNOWN_TOPIC' } });
      await producer.close();
    });

    test('an aborted call and a closed producer send nothing more', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const signal = AbortSignal.abort();
      await expect(producer.send(topic, [{ key: null, value: null }], { signal })).rejects.toThrow(MessagingError);
      await producer.close();
      await expect(producer.send(topic, [{ key: null, value: null }])).rejects.toMatchObject({ code: 'MSG_CLOSED' });
      expect(await read(bench, topic, 0)).toEqual([]);
    });
  });
}

/** A record whose parts are made when they are asked for, and whose value is written in place. */
class MadeWhenAsked implements OutgoingRecord {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get key(): string {
    return this.#text;
  }

  get value(): Buffer {
    return Buffer.from(this.#text);
  }

  get valueBytes(): number {
    return this.#text.length;
  }

  get headers(): RecordHeaders {
    return { name: this.#text };
  }

  writeValue(target: Buffer, at: number): void {
    target.write(this.#text, at);
  }
}

function placeText(place: RecordPlace | undefined): string {
  return `${place?.partition}:${place?.offset}`;
}

async function read(bench: Bench, topic: string, partition: number) {
  const reader = await bench.log().openReader();
  const records: LogRecord[] = [];
  for await (const batch of reader.read({ topic, partition, from: 0, to: Number.MAX_SAFE_INTEGER }))
    records.push(...batch);
  await reader.close();
  return records;
}

async function everything(bench: Bench, topic: string): Promise<readonly string[]> {
  const count = (await bench.admin().partitionCount(topic)) ?? 0;
  const partitions = await Promise.all(
    Array.from({ length: count }, async (_, partition) => read(bench, topic, partition)),
  );
  return partitions
    .flat()
    .map((record) => `${placeText(record)} ${textOf(record.value)}`)
    .sort();
}
