import { setInterval as every } from 'node:timers/promises';
import { topicsWithPrefix } from '@tradestream/contracts';
import type { MessageLog } from '@tradestream/messaging';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { samplePositions } from '../../services/monitor/src/lag/sample-positions.ts';
import { NodeLink } from '../../services/monitor/src/sources/node-link.ts';
import { eventually } from '../support/eventually.ts';
import { LagReadings } from '../support/lag-readings.ts';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { type MonitorProcess, startMonitor } from '../support/monitor-process.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 60_000;
const INTERVAL_MS = 500;
const PACE_MS = 100;
const BEHIND_MS = 2_000;

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
}, 120_000);

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

describe('lag', () => {
  test('records that retention took are counted as lost and not as lag', async () => {
    const topic = await topicOf('expired');
    await append(topic, 10);
    const consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
    await eventually(() => consumer.committed === 10, { withinMs: WITHIN_MS });
    await consumer.commit(2);
    await consumer.close();
    await world.admin.deleteRecords(topic, new Map([[0, 6]]));
    // A reading asks for offsets first: one that began before the last commit has the new start and the old offset.
    const partition = await monitor.partition(
      topic,
      ({ start, committed }) => start === 6 && committed === 2,
      WITHIN_MS,
    );
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

test('on a paced topic lag in seconds is the age of what was oldest during the reading, at every reading', async () => {
  const topic = await topicOf('paced');
  const consumer = await ScriptedConsumer.open(kafka, { group: topic, topic });
  consumer.getStuck();
  await using readings = new LagReadings(monitor);
  /** By offset: when a record was made, and between which times the consumer went past it. */
  const madeMs: number[] = [];
  const passed: { readonly fromMs: number; readonly toMs: number }[] = [];
  const stop = new AbortController();
  const pacing = (async () => {
    for await (const _ of every(PACE_MS, undefined, { signal: stop.signal })) {
      const nowMs = Date.now();
      await append(topic, 1, nowMs);
      madeMs.push(nowMs);
      const upTo = madeMs.findLastIndex((each) => each <= nowMs - BEHIND_MS) + 1;
      if (upTo <= passed.length) continue;
      const fromMs = Date.now();
      await consumer.commit(upTo);
      const toMs = Date.now();
      while (passed.length < upTo) passed.push({ fromMs, toMs });
    }
  })().catch(() => undefined);
  await eventually(() => readings.of(topic).filter(({ partition }) => (partition.committed ?? 0) > 0).length >= 8, {
    withinMs: WITHIN_MS,
  });
  stop.abort();
  await pacing;
  await consumer.close();
  const all = readings.of(topic);
  for (const [index, { atMs, partition }] of all.entries()) {
    if ((partition.committed ?? 0) === 0) continue;
    // A reading takes its time: it began after the one before it.
    const beganMs = all[index - 1]?.atMs ?? atMs - INTERVAL_MS;
    const lagMs = Math.round((partition.lagSeconds ?? 0) * 1_000);
    const oldest = madeMs.findIndex((each) => Math.abs(atMs - lagMs - each) <= 1);
    expect(oldest, 'the lag is the age of a record').toBeGreaterThanOrEqual(0);
    // By the test's own clock the consumer had passed all before it, and came to be past it not before the reading.
    expect(passed[oldest - 1]?.fromMs ?? 0).toBeLessThanOrEqual(atMs);
    expect(passed[oldest]?.toMs ?? Infinity).toBeGreaterThanOrEqual(beganMs);
    expect(lagMs).toBeGreaterThanOrEqual(BEHIND_MS - INTERVAL_MS);
  }
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

test('a primary that lets nobody in fails a reading, and nothing of it is left to end the process', async () => {
  const unheard: unknown[] = [];
  const listen = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', listen);
  const link = new NodeLink({ name: 'primary', url: 'postgresql://nobody@127.0.0.1:1/none', timeoutMs: 5_000 });
  await expect(samplePositions(link, topicsWithPrefix(''))).rejects.toMatchObject({ code: 'DB_CONNECTION_FAILED' });
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', listen);
  expect(unheard).toEqual([]);
  await link.close();
});
