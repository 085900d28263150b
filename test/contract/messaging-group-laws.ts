import { describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Bench, numbered } from './messaging-bench.ts';
import { Recorder } from './messaging-recorder.ts';

/** Longer than any test waits: who leaves is not missed but has said so. */
const SESSION_TIMEOUT_MS = 180_000;

export function groupLaws(bench: Bench): void {
  const subscribe = async (recorder: Recorder, topic: string, group: string) =>
    bench.log().subscribe({ group, topic, clientId: 'laws', sessionTimeoutMs: SESSION_TIMEOUT_MS }, recorder);

  describe('group', () => {
    test('two members share the partitions, and the one that stays gets all when the other leaves', async () => {
      const topic = await bench.topic(4);
      const group = bench.group();
      const [first, second] = [new Recorder(), new Recorder()];
      const staying = await subscribe(first, topic, group);
      await first.until('all partitions', () => first.held.length === 4);
      const leaving = await subscribe(second, topic, group);
      await second.until('its share', () => second.held.length === 2);
      await first.until('its share', () => first.held.length === 2);
      expect([...first.held, ...second.held].sort((left, right) => left - right)).toEqual([0, 1, 2, 3]);
      expect(await bench.admin().groupState(group)).toEqual({ state: 'Stable', members: 2 });
      await leaving.close();
      await first.until('all partitions again', () => first.held.length === 4);
      await staying.close();
      expect(await bench.admin().groupState(group)).toEqual({ state: 'Empty', members: 0 });
    });

    test('a member beyond the number of partitions is told that it has none', async () => {
      const topic = await bench.topic(1);
      const group = bench.group();
      const recorders = [new Recorder(), new Recorder()];
      const members = await Promise.all(recorders.map(async (recorder) => subscribe(recorder, topic, group)));
      await eventually(
        () => {
          const held = recorders.map((recorder) => recorder.held.length).sort((left, right) => left - right);
          return held[0] === 0 && held[1] === 1 && recorders.every((recorder) => recorder.assignments.length > 0);
        },
        { withinMs: 60_000 },
      );
      await Promise.all(members.map(async (member) => member.close()));
    });

    test('rejoin revokes, then gives a new assignment, which begins where its answer says', async () => {
      const topic = await bench.topic(2);
      const recorder = new Recorder();
      const subscription = await subscribe(recorder, topic, bench.group());
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(5, { partition: 0 }));
      await recorder.until('the records', () => recorder.delivered.length === 5);
      recorder.starts.set(0, 3);
      await subscription.rejoin();
      await recorder.until('delivery again', () => recorder.delivered.length === 7);
      expect(recorder.calls.map(({ call }) => call)).toEqual(['assigned', 'records', 'revoked', 'assigned', 'records']);
      expect(recorder.of(0).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 3, 4]);
      await subscription.close();
      await producer.close();
    });

    test('nothing is delivered after revoked, and the assignment has told its end before', async () => {
      const topic = await bench.topic(2);
      const group = bench.group();
      const first = new Recorder();
      const staying = await subscribe(first, topic, group);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      let sending = true;
      const load = (async () => {
        while (sending)
          await producer.send(topic, [...numbered(5, { partition: 0 }), ...numbered(5, { partition: 1 })]);
      })();
      await first.until('some records', () => first.delivered.length > 50);
      const second = new Recorder();
      const coming = await subscribe(second, topic, group);
      await second.until('records of its own', () => second.delivered.length > 50);
      await coming.close();
      await first.until('both partitions again', () => first.assignments.length === 3);
      sending = false;
      await load;
      await staying.close();
      for (const recorder of [first, second]) expectNoDeliveryWithoutAssignment(recorder);
      await producer.close();
    });

    test('close waits for running calls, then the owner hears revoked and the group forgets the member at once', async () => {
      const topic = await bench.topic(1);
      const group = bench.group();
      const recorder = new Recorder();
      const letGo = recorder.hold('records 0');
      const subscription = await subscribe(recorder, topic, group);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(1, { partition: 0 }));
      await recorder.until('the record', () => recorder.delivered.length === 1);
      const closed = subscription.close();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(recorder.revocations).toEqual([]);
      letGo();
      await closed;
      await subscription.close();
      await subscription.ended;
      expect(recorder.revocations).toEqual([[0]]);
      expect(await bench.admin().groupState(group)).toEqual({ state: 'Empty', members: 0 });
      await producer.close();
    });

    test('a commit is seen by administration, one of a partition not held is not', async () => {
      const topic = await bench.topic(2);
      const group = bench.group();
      const recorder = new Recorder();
      const subscription = await subscribe(recorder, topic, group);
      await recorder.until('the assignment', () => recorder.held.length === 2);
      await subscription.commit(
        new Map([
          [1, 42],
          [7, 1],
        ]),
      );
      expect(await bench.admin().groupOffsets(group, topic)).toEqual([
        { partition: 0, committed: null },
        { partition: 1, committed: 42 },
      ]);
      await subscription.close();
      await subscription.commit(new Map([[1, 50]]));
      expect((await bench.admin().groupOffsets(group, topic))[1]?.committed).toBe(42);
    });

    test('a member waits for its topic to be made', async () => {
      const topic = `${bench.group()}-later`;
      const recorder = new Recorder();
      const subscription = await subscribe(recorder, topic, bench.group());
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(recorder.calls).toEqual([]);
      await bench.admin().createTopics([{ topic, partitions: 2 }]);
      await recorder.until('the assignment', () => recorder.held.length === 2);
      await subscription.close();
    });
  });
}

function expectNoDeliveryWithoutAssignment(recorder: Recorder): void {
  let signal: AbortSignal | undefined;
  let assigned = false;
  for (const entry of recorder.calls) {
    if (entry.call === 'records') expect(assigned).toBe(true);
    if (entry.call === 'revoked') expect(signal?.aborted).toBe(true);
    if (entry.call === 'assigned') signal = entry.signal;
    if (entry.call !== 'records') assigned = entry.call === 'assigned';
  }
  expect(assigned).toBe(false);
}
