import { setInterval as every } from 'node:timers/promises';
import { openSession, type Session } from '@tradestream/database';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import { type LagReading, LagReadings } from '../support/lag-readings.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import type { MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 60_000;
/** Readings on which a verdict rests, by default. */
const WINDOW = 5;

let world: LedgerWorld;
let monitor: MonitorProcess;
let readings: LagReadings;
let replica: Session;
const receiver = new AlertReceiver();

beforeAll(async () => {
  await receiver.start();
  world = await openMonitorWorld(inject('endpoints'), 'monitor-states', 1);
  monitor = await monitorOf(world, {
    TRADESTREAM_MONITOR_WEBHOOK_URL: receiver.url,
    TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: receiver.allowed,
  });
  readings = new LagReadings(monitor);
  const url = world.database.replicaUrls['replica-3'] ?? '';
  replica = await openSession({ url, applicationName: 'monitor-states', connectTimeoutMs: 30_000 });
  await eventually(async () => (await monitor.node('replica-3')).healthy, { withinMs: WITHIN_MS });
}, 120_000);

afterAll(async () => {
  await replica?.close();
  await readings?.[Symbol.asyncDispose]();
  await monitor?.stop();
  await receiver.stop();
  await world?.[Symbol.asyncDispose]();
});

async function topicOf(name: string): Promise<string> {
  const topic = world.group(name);
  await world.admin.createTopics([{ topic, partitions: 1 }]);
  return topic;
}

async function append(topic: string, count: number, timestampMs = Date.now()): Promise<void> {
  const record = { partition: 0, key: null, value: Buffer.from('1'), timestampMs };
  await world.producer.send(
    topic,
    Array.from({ length: count }, () => record),
  );
}

/** A topic with so many records, and a consumer that has read them. */
async function consumed(name: string, count: number): Promise<{ topic: string; consumer: ScriptedConsumer }> {
  const topic = await topicOf(name);
  await append(topic, count);
  const consumer = await ScriptedConsumer.open(world.kafka, { group: topic, topic });
  await readings.until(topic, ({ partition }) => partition.committed === count && partition.lag === 0, WITHIN_MS);
  return { topic, consumer };
}

/** All that was told of a group, once there are two things told of it. */
async function toldOf(value: string): Promise<readonly string[]> {
  const told = () =>
    receiver.told
      .filter(({ labels }) => Object.values(labels).includes(value))
      .map(({ alertname, status }) => `${alertname} ${status}`);
  await eventually(() => told().length >= 2, { withinMs: WITHIN_MS });
  return told();
}

/** How many readings it took from the first that shows the harm to the verdict. */
function readingsTo(all: readonly LagReading[], isHarm: (reading: LagReading) => boolean): number {
  return all.length - all.findIndex(isHarm);
}

// Each waits for readings and for notifications most of its time: side by side they take as long as the longest.
describe.concurrent('ten states', () => {
  test('a slow consumer falls behind at every reading: WARN', async () => {
    const { topic, consumer } = await consumed('slow', 100);
    consumer.getStuck();
    const stop = new AbortController();
    const growing = (async () => {
      for await (const _ of every(100, undefined, { signal: stop.signal })) {
        await append(topic, 10);
        await consumer.commit(consumer.committed + 1);
      }
    })().catch(() => undefined);
    const all = await readings.until(topic, ({ verdict }) => verdict === 'WARN', WITHIN_MS);
    await eventually(() => receiver.of('ConsumerSlow', topic).length > 0, { withinMs: WITHIN_MS });
    stop.abort();
    await growing;
    // Since lag has grown without a break.
    const lags = all.map(({ partition }) => partition.lag ?? 0);
    const last = lags.findLastIndex((lag, index) => index > 0 && lag <= (lags[index - 1] ?? 0));
    expect(lags.length - last).toBeLessThanOrEqual(2 * WINDOW);
    const [range] = await world.admin.ranges(topic);
    await consumer.commit(range?.end ?? 0);
    expect(await toldOf(topic)).toEqual(['ConsumerSlow firing', 'ConsumerSlow resolved']);
    await consumer.close();
  });

  test('a replica whose replay is paused, then one that receives no WAL, is named with how far it is behind', async () => {
    await replica.query({ text: 'SELECT pg_wal_replay_pause()' });
    try {
      await world.rows(`INSERT INTO ledger.audit (actor, action, why) VALUES ('test', 'test', 'some WAL')`);
      const node = await eventually(
        async () => {
          const found = await monitor.node('replica-3');
          if ((found.lagSeconds ?? 0) < 2) throw new Error(JSON.stringify(found));
          return found;
        },
        { withinMs: WITHIN_MS },
      );
      expect(node).toMatchObject({ replayPaused: true, healthy: false, problem: 'replay is paused', streaming: true });
      expect(node.lagBytes).toBeGreaterThan(0);
      await eventually(() => receiver.of('ReplayPaused', 'replica-3').length > 0, { withinMs: WITHIN_MS });
    } finally {
      await replica.query({ text: 'SELECT pg_wal_replay_resume()' });
    }
    expect(await toldOf('replica-3')).toEqual(['ReplayPaused firing', 'ReplayPaused resolved']);
    await eventually(async () => (await monitor.node('replica-3')).lagSeconds === 0, { withinMs: WITHIN_MS });
    await withoutReceiver(async () => {
      await eventually(async () => (await monitor.node('replica-3')).problem === 'its WAL receiver does not run', {
        withinMs: WITHIN_MS,
      });
      await eventually(() => receiver.of('ReceiverDead', 'replica-3').length > 0, { withinMs: WITHIN_MS });
    });
    await eventually(() => receiver.of('ReceiverDead', 'replica-3').length > 1, { withinMs: WITHIN_MS });
    expect((await toldOf('replica-3')).slice(2)).toEqual(['ReceiverDead firing', 'ReceiverDead resolved']);
    await eventually(async () => (await monitor.node('replica-3')).healthy, { withinMs: WITHIN_MS });
  });

  test('a consumer that left before unread records: STOP', async () => {
    const { topic, consumer } = await consumed('stopped', 5);
    await consumer.close();
    await append(topic, 3, Date.now() - 60_000);
    const all = await readings.until(topic, ({ verdict }) => verdict === 'STOP', WITHIN_MS);
    expect(readingsTo(all, ({ partition }) => partition.lag === 3)).toBeLessThanOrEqual(2 * WINDOW);
    const { partition } = all.at(-1) ?? {};
    expect(partition).toMatchObject({ committed: 5, end: 8, lag: 3, memberId: null, state: 'STOP' });
    expect(partition?.lagSeconds).toBeGreaterThanOrEqual(60);
    expect(await monitor.group(topic)).toMatchObject({ members: 0, totalLag: 3 });
    await eventually(() => receiver.of('ConsumerStopped', topic).length > 0, { withinMs: WITHIN_MS });
    await using _again = await ScriptedConsumer.open(world.kafka, { group: topic, topic, from: 5 });
    expect(await toldOf(topic)).toEqual(['ConsumerStopped firing', 'ConsumerStopped resolved']);
  });

  test('a consumer that heartbeats and takes nothing: STALL', async () => {
    const { topic, consumer } = await consumed('stuck', 5);
    consumer.getStuck();
    await append(topic, 4);
    const all = await readings.until(topic, ({ verdict }) => verdict === 'STALL', WITHIN_MS);
    expect(readingsTo(all, ({ partition }) => partition.lag === 4)).toBeLessThanOrEqual(2 * WINDOW);
    expect(await monitor.group(topic)).toMatchObject({ members: 1, totalLag: 4 });
    await eventually(() => receiver.of('ConsumerStalled', topic).length > 0, { withinMs: WITHIN_MS });
    await consumer.commit(9);
    expect(await toldOf(topic)).toEqual(['ConsumerStalled firing', 'ConsumerStalled resolved']);
    await consumer.close();
  });

  test('an offset that was set back: REWIND, and OK again when the records were read anew', async () => {
    const { topic, consumer } = await consumed('rewound', 50);
    consumer.getStuck();
    await consumer.commit(10);
    const all = await readings.until(topic, ({ verdict }) => verdict === 'REWIND', WITHIN_MS);
    expect(readingsTo(all, ({ partition }) => partition.committed === 10)).toBeLessThanOrEqual(2 * WINDOW);
    expect(all.at(-1)?.partition).toMatchObject({ lag: 40 });
    await consumer.commit(50);
    expect(await toldOf(topic)).toEqual(['OffsetRewound firing', 'OffsetRewound resolved']);
    expect(readings.of(topic).at(-1)).toMatchObject({ verdict: 'OK', partition: { lag: 0 } });
    await consumer.close();
  });

  test('retention that overtakes a group is told with how many records it took', async () => {
    const { topic, consumer } = await consumed('overtaken', 10);
    consumer.getStuck();
    await append(topic, 10);
    await world.admin.deleteRecords(topic, new Map([[0, 15]]));
    const all = await readings.until(topic, ({ partition }) => partition.lost === 5, WITHIN_MS);
    expect(all.at(-1)?.partition).toMatchObject({ committed: 10, start: 15, end: 20, lag: 5 });
    await eventually(() => receiver.of('RecordsLost', topic).length > 0, { withinMs: WITHIN_MS });
    await consumer.commit(20);
    // That it is stalled until then may be told besides.
    await eventually(() => receiver.of('RecordsLost', topic).length > 1, { withinMs: WITHIN_MS });
    expect(receiver.of('RecordsLost', topic)).toEqual(['firing', 'resolved']);
    await consumer.close();
  });

  test('records of aborted transactions and their markers are no lag', async () => {
    const { topic, consumer } = await consumed('aborted', 3);
    await abortTransaction(topic);
    const isPast = ({ partition }: LagReading) => (partition.end ?? 0) >= 6;
    await eventually(() => readings.of(topic).filter(isPast).length > 2 * WINDOW, { withinMs: WITHIN_MS });
    for (const { partition } of readings.of(topic).filter(isPast))
      expect(partition).toMatchObject({ committed: 3, lag: 0, lagSeconds: 0, state: 'OK' });
    await consumer.close();
  });

  test('an idle topic with everything consumed is OK, however old its records are', async () => {
    const topic = await topicOf('idle');
    await append(topic, 5, Date.now() - 3_600_000);
    await using _consumer = await ScriptedConsumer.open(world.kafka, { group: topic, topic });
    const isRead = ({ partition }: LagReading) => partition.committed === 5;
    await eventually(() => readings.of(topic).filter(isRead).length > 2 * WINDOW, { withinMs: WITHIN_MS });
    for (const { partition } of readings.of(topic).filter(isRead))
      expect(partition).toMatchObject({ end: 5, lag: 0, lagSeconds: 0, state: 'OK', clientId: 'scripted', lost: 0 });
    expect(await monitor.group(topic)).toMatchObject({ state: 'Stable', protocol: 'classic', members: 1, totalLag: 0 });
  });
});

test('of an idle primary, its idle replicas and idle topics nothing was told', async () => {
  expect(await monitor.node('primary')).toMatchObject({ role: 'primary', healthy: true, lagSeconds: 0 });
  const idle = ['primary', 'replica-1', 'replica-2', world.group('aborted'), world.group('idle')];
  const told = receiver.told.filter(({ labels }) => idle.some((name) => Object.values(labels).includes(name)));
  expect(told).toEqual([]);
});

async function abortTransaction(topic: string): Promise<void> {
  const foreign = new Kafka({
    clientId: 'foreign',
    brokers: world.database.endpoints.kafkaBrokers.split(','),
    logLevel: logLevel.NOTHING,
  });
  const producer = foreign.producer({
    transactionalId: topic,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] });
  await transaction.abort();
  await producer.disconnect();
}

/** While `work` runs, the replica is told no primary to stream from. */
async function withoutReceiver(work: () => Promise<void>): Promise<void> {
  const { rows } = await replica.query<{ primary_conninfo: string }>({ text: 'SHOW primary_conninfo' });
  const conninfo = rows[0]?.primary_conninfo ?? '';
  const setTo = async (value: string) => {
    await replica.query({ text: `ALTER SYSTEM SET primary_conninfo = '${value.replaceAll("'", "''")}'` });
    await replica.query({ text: 'SELECT pg_reload_conf()' });
  };
  await setTo('');
  try {
    await work();
  } finally {
    await setTo(conninfo);
  }
}
