import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Bench, numbered } from './messaging-bench.ts';

export function adminLaws(bench: Bench): void {
  describe('administration', () => {
    test('creating a topic again changes nothing; another number of partitions is refused', async () => {
      const topic = await bench.topic(3);
      await bench.admin().createTopics([{ topic, partitions: 3 }]);
      await expect(bench.admin().createTopics([{ topic, partitions: 4 }])).rejects.toMatchObject({
        code: 'MSG_TOPIC_DIFFERS',
        context: { topic, wanted: 4, partitions: 3 },
      });
      expect(await bench.admin().partitionCount(topic)).toBe(3);
    });

    test('ranges follow what was appended and what was deleted', async () => {
      const topic = await bench.topic(2);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      await producer.send(topic, numbered(8, { partition: 1 }));
      await bench.admin().deleteRecords(topic, new Map([[1, 3]]));
      expect(await bench.admin().ranges(topic)).toEqual([
        { partition: 0, start: 0, end: 0 },
        { partition: 1, start: 3, end: 8 },
      ]);
      await producer.close();
    });

    test('a time is the first offset at or after it, or the end', async () => {
      const topic = await bench.topic(2);
      const producer = await bench.log().openProducer({ clientId: 'laws' });
      const firstMs = Date.now() - 60_000;
      await producer.send(
        topic,
        numbered(4, { partition: 1 }).map((record, index) => ({ ...record, timestampMs: firstMs + index * 1_000 })),
      );
      expect(await bench.admin().offsetsAt(topic, firstMs + 1_500)).toEqual(new Map([0, 2].entries()));
      expect(await bench.admin().offsetsAt(topic, firstMs + 3_001)).toEqual(new Map([0, 4].entries()));
      await producer.close();
    });

    test('topics and groups that do not exist are absent, not errors', async () => {
      expect(await bench.admin().partitionCount('laws-missing')).toBeNull();
      expect(await bench.admin().groupState('laws-missing')).toEqual({ state: 'Dead', members: 0 });
      await bench.admin().deleteTopics(['laws-missing']);
      await bench.admin().deleteGroup('laws-missing');
      expect((await bench.admin().clusterId()).length).toBeGreaterThan(0);
    });

    test('a deleted topic is gone', async () => {
      const topic = await bench.topic(1);
      await bench.admin().deleteTopics([topic]);
      expect(await bench.admin().partitionCount(topic)).toBeNull();
      await expect(bench.admin().ranges(topic)).rejects.toMatchObject({ code: 'MSG_UNKNOWN_TOPIC' });
    });

    test('a group with members is not deleted, an empty one is, with its offsets', async () => {
      const topic = await bench.topic(1);
      const group = bench.group();
      const assigned = Promise.withResolvers<void>();
      const subscription = await bench.log().subscribe(
        { group, topic, clientId: 'laws' },
        {
          assigned: async () => {
            assigned.resolve();
            return new Map();
          },
          revoked: async () => undefined,
          records: async () => undefined,
        },
      );
      await assigned.promise;
      await subscription.commit(new Map([[0, 5]]));
      expect(await bench.admin().groups()).toContainEqual({
        group,
        protocolType: 'consumer',
        state: 'Stable',
        protocol: 'classic',
      });
      const [member] = await bench.admin().groupMembers(group);
      expect(member).toMatchObject({ clientId: 'laws', partitions: [{ topic, partition: 0 }] });
      expect(await bench.admin().committedOffsets(group)).toEqual([{ topic, partition: 0, committed: 5 }]);
      await expect(bench.admin().deleteGroup(group)).rejects.toMatchObject({ code: 'MSG_REFUSED' });
      await subscription.close();
      await bench.admin().deleteGroup(group);
      expect(await bench.admin().groupOffsets(group, topic)).toEqual([{ partition: 0, committed: null }]);
      expect(await bench.admin().committedOffsets(group)).toEqual([]);
      expect(await bench.admin().groupMembers(group)).toEqual([]);
    });

    test('the settings of a topic are told', async () => {
      const topic = `laws-${randomUUID()}`;
      await bench.admin().createTopics([{ topic, partitions: 1, config: { 'retention.ms': '60000' } }]);
      expect(await bench.admin().topicConfig(topic)).toMatchObject({ 'retention.ms': '60000' });
    });
  });
}
