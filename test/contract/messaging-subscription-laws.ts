import { describe, expect, test } from 'vitest';
import { type Bench, numbered, textOf } from './messaging-bench.ts';
import { Recorder } from './messaging-recorder.ts';

export function subscriptionLaws(bench: Bench): void {
  const subscribe = async (recorder: Recorder, topic: string, group = bench.group()) =>
    bench.log().subscribe({ group, topic, clientId: 'laws', sessionTimeoutMs: 6_000 }, recorder);
  const send = async (topic: string, records: ReturnType<typeof numbered>) => {
    const producer = await bench.log().openProducer({ clientId: 'laws' });
    await producer.send(topic, records);
    await producer.close();
  };

  describe('subscription', () => {
    test('delivery starts exactly at the assigned offset and goes on in order without gaps', async () => {
      const topic = await bench.topic(2);
      await send(topic, [...numbered(100, { partition: 0 }), ...numbered(100, { partition: 1 })]);
      const recorder = new Recorder();
      recorder.starts.set(0, 37).set(1, 100);
      const subscription = await subscribe(recorder, topic);
      await recorder.until('the rest of partition 0', () => recorder.of(0).length === 63);
      await send(topic, [...numbered(10, { partition: 0 }), ...numbered(10, { partition: 1 })]);
      await recorder.until('what came later', () => recorder.delivered.length === 83);
      expect(recorder.of(0).map(({ offset }) => offset)).toEqual(Array.from({ length: 73 }, (_, at) => 37 + at));
      expect(recorder.of(1).map(({ offset }) => offset)).toEqual(Array.from({ length: 10 }, (_, at) => 100 + at));
      await subscription.close();
    });

    test('nothing is delivered before the assignment was answered, nor of a partition left out', async () => {
      const topic = await bench.topic(2);
      await send(topic, [...numbered(5, { partition: 0 }), ...numbered(5, { partition: 1 })]);
      const recorder = new Recorder();
      recorder.starts.set(1, null);
      const answer = recorder.hold('assigned');
      const subscription = await subscribe(recorder, topic);
      await recorder.until('the assignment', () => recorder.assignments.length === 1);
      await pause(300);
      expect(recorder.delivered).toEqual([]);
      answer();
      await recorder.until('partition 0', () => recorder.of(0).length === 5);
      await pause(300);
      expect(recorder.of(1)).toEqual([]);
      await subscription.close();
    });

    test('a batch carries values, keys, headers and the end of the log', async () => {
      const topic = await bench.topic(1);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, [
        { key: 'a', value: Buffer.from('first'), headers: { ce_id: 'x' } },
        { key: null, value: null },
      ]);
      const recorder = new Recorder();
      const subscription = await subscribe(recorder, topic);
      await recorder.until('both', () => recorder.delivered.length === 2);
      const records = recorder.delivered;
      expect(records.map(({ key }) => key)).toEqual([Buffer.from('a'), null]);
      expect(records.map(({ value }) => value)).toEqual([Buffer.from('first'), null]);
      expect(records[0]?.headers).toEqual({ ce_id: Buffer.from('x') });
      expect(records[0]?.topic).toBe(topic);
      const last = recorder.calls.at(-1);
      expect(last?.call === 'records' && last.batch.highWatermark).toBe(2);
      await subscription.close();
      await producer.close();
    });

    test('one partition waits for its owner while the others flow, then gets all that gathered', async () => {
      const topic = await bench.topic(2);
      const recorder = new Recorder();
      const letGo = recorder.hold('records 0');
      const subscription = await subscribe(recorder, topic);
      await send(topic, numbered(1, { partition: 0 }));
      await recorder.until('the first record', () => recorder.of(0).length === 1);
      for (let round = 0; round < 5; round += 1) {
        await send(topic, numbered(10, { partition: 0, first: 1 + round * 10 }));
        await send(topic, numbered(10, { partition: 1, first: round * 10 }));
      }
      await recorder.until('all of partition 1', () => recorder.of(1).length === 50);
      expect(recorder.of(0)).toHaveLength(1);
      letGo();
      await recorder.until('all of partition 0', () => recorder.of(0).length === 51);
      expect(recorder.of(0).map((record) => Number(textOf(record.value)))).toEqual(
        Array.from({ length: 51 }, (_, at) => at),
      );
      await subscription.close();
    });

    test('an owner that takes longer than the session timeout keeps its place in the group', async () => {
      const topic = await bench.topic(1);
      await send(topic, numbered(3, { partition: 0 }));
      const recorder = new Recorder();
      const letGo = recorder.hold('records 0');
      const subscription = await subscribe(recorder, topic);
      await recorder.until('the records', () => recorder.delivered.length === 3);
      await pause(7_500);
      letGo();
      await send(topic, numbered(1, { partition: 0 }));
      await recorder.until('the next record', () => recorder.delivered.length === 4);
      expect(recorder.assignments).toHaveLength(1);
      expect(recorder.revocations).toEqual([]);
      await subscription.close();
    }, 120_000);

    test('a rejection by the owner ends the subscription with its cause, and nothing is skipped', async () => {
      const topic = await bench.topic(1);
      await send(topic, numbered(3, { partition: 0 }));
      const recorder = new Recorder();
      const group = bench.group();
      const broken = Object.assign(Object.create(recorder), {
        assigned: recorder.assigned.bind(recorder),
        revoked: recorder.revoked.bind(recorder),
        records: async () => {
          throw new RangeError('cannot take it');
        },
      }) as Recorder;
      const subscription = await subscribe(broken, topic, group);
      await expect(subscription.ended).rejects.toMatchObject({
        code: 'MSG_HANDLER_FAILED',
        cause: { message: 'cannot take it' },
      });
      expect(recorder.revocations).toEqual([[0]]);
      const healthy = new Recorder();
      const again = await subscribe(healthy, topic, group);
      await healthy.until('all records', () => healthy.delivered.length === 3);
      await again.close();
    });
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
