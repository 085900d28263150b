import { openSession, type Session } from '@tradestream/database';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import type { MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 45_000;

let world: LedgerWorld;
let monitor: MonitorProcess;
let replica: Session;
const receiver = new AlertReceiver();

beforeAll(async () => {
  await receiver.start();
  world = await openMonitorWorld(inject('endpoints'), 'monitor-states', 1);
  monitor = await monitorOf(world, {
    TRADESTREAM_MONITOR_WEBHOOK_URL: receiver.url,
    TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: receiver.allowed,
  });
  const url = world.database.replicaUrls['replica-3'] ?? '';
  replica = await openSession({ url, applicationName: 'monitor-states', connectTimeoutMs: 5_000 });
}, 60_000);

afterAll(async () => {
  await replica?.close();
  await monitor?.stop();
  await receiver.stop();
  await world?.[Symbol.asyncDispose]();
});

async function topicOf(name: string): Promise<string> {
  const topic = world.group(name);
  await world.admin.createTopics([{ topic, partitions: 1 }]);
  return topic;
}

async function append(topic: string, count: number): Promise<void> {
  const record = { partition: 0, key: null, value: Buffer.from('1') };
  await world.producer.send(
    topic,
    Array.from({ length: count }, () => record),
  );
}

/** Resolves when the alert was told to fire and to end, and answers with all that was told of it. */
async function toldTwice(alertname: string, value: string): Promise<readonly string[]> {
  await eventually(() => receiver.of(alertname, value).length >= 2, { withinMs: WITHIN_MS });
  return receiver.of(alertname, value);
}

test('records of aborted transactions and their markers are no lag', async () => {
  const topic = await topicOf('aborted');
  await append(topic, 3);
  await using _consumer = await ScriptedConsumer.open(world.kafka, { group: topic, topic });
  await monitor.partition(topic, ({ committed }) => committed === 3, WITHIN_MS);
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
  const partition = await monitor.partition(topic, ({ end }) => (end ?? 0) >= 6, WITHIN_MS);
  expect(partition).toMatchObject({ committed: 3, lag: 0, lagSeconds: 0, state: 'OK' });
  expect(await monitor.group(topic)).toMatchObject({ verdict: 'OK', totalLag: 0 });
});

test('replay that is paused is named, and how far the replica is behind since; told once, and once when it goes on', async () => {
  await eventually(async () => (await monitor.node('replica-3')).healthy, { withinMs: WITHIN_MS });
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
  expect(await toldTwice('ReplayPaused', 'replica-3')).toEqual(['firing', 'resolved']);
  await eventually(async () => (await monitor.node('replica-3')).lagSeconds === 0, { withinMs: WITHIN_MS });
});

test('a replica that receives no WAL is named, and well again when it does', async () => {
  const { rows } = await replica.query<{ primary_conninfo: string }>({ text: 'SHOW primary_conninfo' });
  const conninfo = rows[0]?.primary_conninfo ?? '';
  const setTo = async (value: string) => {
    await replica.query({ text: `ALTER SYSTEM SET primary_conninfo = '${value.replaceAll("'", "''")}'` });
    await replica.query({ text: 'SELECT pg_reload_conf()' });
  };
  await setTo('');
  try {
    await eventually(async () => (await monitor.node('replica-3')).problem === 'its WAL receiver does not run', {
      withinMs: WITHIN_MS,
    });
    await eventually(() => receiver.of('ReceiverDead', 'replica-3').length > 0, { withinMs: WITHIN_MS });
  } finally {
    await setTo(conninfo);
  }
  expect(await toldTwice('ReceiverDead', 'replica-3')).toEqual(['firing', 'resolved']);
  await eventually(async () => (await monitor.node('replica-3')).healthy, { withinMs: WITHIN_MS });
});

test('retention that overtakes a group is told once, and once when the group has gone past it', async () => {
  const topic = await topicOf('overtaken');
  await append(topic, 10);
  const consumer = await ScriptedConsumer.open(world.kafka, { group: topic, topic });
  await eventually(() => consumer.committed === 10, { withinMs: WITHIN_MS });
  await consumer.commit(1);
  await world.admin.deleteRecords(topic, new Map([[0, 5]]));
  await eventually(() => receiver.of('RecordsLost', topic).length > 0, { withinMs: WITHIN_MS });
  await consumer.commit(10);
  expect(await toldTwice('RecordsLost', topic)).toEqual(['firing', 'resolved']);
  await consumer.close();
});

test('of an idle primary, its idle replicas and idle topics nothing was told', () => {
  const idle = receiver.told.filter(({ labels }) =>
    ['replica-1', 'replica-2', 'primary', world.group('aborted')].some((name) => Object.values(labels).includes(name)),
  );
  expect(idle).toEqual([]);
});
