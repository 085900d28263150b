import { setInterval as every } from 'node:timers/promises';
import type { MessageLog } from '@tradestream/messaging';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { type MonitorProcess, startMonitor } from '../support/monitor-process.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 40_000;

let world: LedgerWorld;
let monitor: MonitorProcess;
let kafka: MessageLog;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'monitor-lag', 2);
  ({ kafka } = world);
  const replicas = Object.values(world.database.replicaUrls);
  monitor = await startMonitor(
    world.env({
      TRADESTREAM_MONITOR_DATABASE_URL: world.database.serviceUrls.monitor,
      TRADESTREAM_MONITOR_DATABASE_REPLICA_URLS: replicas.join(','),
    }),
  );
}, 60_000);

afterAll(async () => {
  await monitor?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

async function topicOf(name: string): Promise<string> {
  const topic = world.group(name);
  await world.admin.createTopics([{ topic, partitions: 1 }]);
  return topic;
}

async function append(topic: string, count: number, timestampMs = Date.now()): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({
    partition: 0,
    key: null,
    value: Buffer.from(`${index}`),
    timestampMs,
  }));
  await world.producer.send(topic, records);
}

describe('verdicts on consumers', () => {
  test('an idle topic with everything consumed is OK, with no lag however old its records are', async () => {
    const topic = await topicOf('idle');
    await append(topic, 5, Date.now() - 3_600_000);
    await using _consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    const partition = await monitor.partition(topic, ({ committed }) => committed === 5, WITHIN_MS);
    expect(partition).toMatchObject({ end: 5, lag: 0, lagSeconds: 0, state: 'OK', clientId: 'scripted', lost: 0 });
    expect(await monitor.group(topic)).toMatchObject({ state: 'Stable', protocol: 'classic', members: 1, totalLag: 0 });
  });

  test('a consumer that left before unread records is STOP', async () => {
    const topic = await topicOf('stopped');
    await append(topic, 5);
    const consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await monitor.partition(topic, ({ committed }) => committed === 5, WITHIN_MS);
    await consumer.close();
    await append(topic, 3, Date.now() - 60_000);
    const partition = await monitor.partition(topic, ({ state }) => state === 'STOP', WITHIN_MS);
    expect(partition).toMatchObject({ committed: 5, end: 8, lag: 3, memberId: null });
    expect(partition.lagSeconds).toBeGreaterThanOrEqual(60);
    expect(await monitor.group(topic)).toMatchObject({ verdict: 'STOP', members: 0, totalLag: 3 });
  });

  test('a consumer that heartbeats and takes nothing is STALL', async () => {
    const topic = await topicOf('stuck');
    await append(topic, 5);
    await using consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await monitor.partition(topic, ({ committed }) => committed === 5, WITHIN_MS);
    consumer.getStuck();
    await append(topic, 4);
    await monitor.partition(topic, ({ state }) => state === 'STALL', WITHIN_MS);
    expect(await monitor.group(topic)).toMatchObject({ verdict: 'STALL', members: 1, totalLag: 4 });
  });

  test('a consumer that falls behind at every reading is WARN', async () => {
    const topic = await topicOf('slow');
    await append(topic, 100);
    await using consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await monitor.partition(topic, ({ committed }) => committed === 100, WITHIN_MS);
    consumer.getStuck();
    const stop = new AbortController();
    const growing = (async () => {
      for await (const _ of every(100, undefined, { signal: stop.signal })) {
        await append(topic, 10);
        await consumer.commit(consumer.committed + 1);
      }
    })().catch(() => undefined);
    const partition = await monitor.partition(topic, ({ state }) => state === 'WARN', WITHIN_MS);
    stop.abort();
    await growing;
    expect(partition.lag).toBeGreaterThan(9);
  });

  test('an offset that was set back is REWIND, and OK again when the records were read anew', async () => {
    const topic = await topicOf('rewound');
    await append(topic, 50);
    await using consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await monitor.partition(topic, ({ committed }) => committed === 50, WITHIN_MS);
    consumer.getStuck();
    await consumer.commit(10);
    expect(await monitor.partition(topic, ({ state }) => state === 'REWIND', WITHIN_MS)).toMatchObject({ lag: 40 });
    await consumer.commit(50);
    await monitor.partition(topic, ({ state, lag }) => state === 'OK' && lag === 0, WITHIN_MS);
  });

  test('records that retention took are counted as lost and not as lag', async () => {
    const topic = await topicOf('expired');
    await append(topic, 10);
    const consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await eventually(() => consumer.committed === 10, { withinMs: WITHIN_MS });
    await consumer.commit(2);
    await consumer.close();
    await world.admin.deleteRecords(topic, new Map([[0, 6]]));
    const partition = await monitor.partition(topic, ({ start }) => start === 6, WITHIN_MS);
    expect(partition).toMatchObject({ committed: 2, end: 10, lag: 4, lost: 4 });
  });

  test('the time left until retention takes the next record follows its age', async () => {
    const topic = world.group('expiring');
    await world.admin.createTopics([{ topic, partitions: 1, config: { 'retention.ms': '3600000' } }]);
    const consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    consumer.getStuck();
    await append(topic, 3, Date.now() - 600_000);
    await consumer.commit(0);
    const partition = await monitor.partition(topic, ({ lag }) => lag === 3, WITHIN_MS);
    await consumer.close();
    expect(partition.secondsUntilLoss).toBeGreaterThan(2_900);
    expect(partition.secondsUntilLoss).toBeLessThan(3_001);
  });
});

test('the ledger is judged by the offset that the database holds', async () => {
  await world.rows('INSERT INTO ledger.partitions (topic, partition, next_offset) VALUES ($1, 0, 0)', [
    world.topics.commands,
  ]);
  await append(world.topics.commands, 7);
  const ledger = await eventually(
    async () => {
      const { database } = await monitor.get<{ database: Awaited<ReturnType<MonitorProcess['group']>>[] }>('/v1/lag');
      const found = database.find(({ group }) => group === 'ledger');
      return found?.verdict === 'STOP' ? found : false;
    },
    { withinMs: WITHIN_MS },
  );
  expect(ledger).toMatchObject({ protocol: 'database', state: 'Absent', totalLag: 7 });
});

test('every node is there with its role, and an idle replica is not behind', async () => {
  await eventually(async () => (await monitor.node('replica-3')).healthy, { withinMs: WITHIN_MS });
  expect(await monitor.node('primary')).toMatchObject({ role: 'primary', healthy: true, lagSeconds: 0 });
  expect(await monitor.node('replica-1')).toMatchObject({ role: 'replica', syncState: 'quorum', problem: '' });
  expect(await monitor.node('replica-3')).toMatchObject({ role: 'replica', syncState: 'async', problem: '' });
});
