import { createHmac } from 'node:crypto';
import type { HistoryAnswer } from '@tradestream/answers';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import { MONITOR_TOKENS, type MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 60_000;
const KEY = 'webhook-key-0123456789-0123456789-0123456789';
const operator = { authorization: `Bearer ${MONITOR_TOKENS.operator}`, 'content-type': 'application/json' };

type Item = {
  readonly name: string;
  readonly state: string;
  readonly silenced: boolean;
  labels: Record<string, string>;
};

let world: LedgerWorld;
let monitor: MonitorProcess;
const receiver = new AlertReceiver();
const other = new AlertReceiver();
const alertmanager = new AlertReceiver();

const receivers = [receiver, other, alertmanager];

const settings = () => ({
  TRADESTREAM_MONITOR_WEBHOOK_URL: [receiver.url, other.url].join(','),
  TRADESTREAM_MONITOR_WEBHOOK_KEY: KEY,
  TRADESTREAM_MONITOR_ALERTMANAGER_URL: alertmanager.origin,
  TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: receivers.map(({ allowed }) => allowed).join(','),
});

beforeAll(async () => {
  await Promise.all(receivers.map((each) => each.start()));
  world = await openMonitorWorld(inject('endpoints'), 'monitor-alerts', 1);
  await world.rows(
    `INSERT INTO monitor.series (metric, labels) VALUES ('tradestream_parked_records', '{}'), ('gone', '{}')`,
  );
  await world.rows(
    `INSERT INTO monitor.points (at, series_id, step, highest, mean)
     SELECT now() - make_interval(mins => age), id, step, age, age
     FROM monitor.series, unnest($1::int[], $2::int[]) AS p (age, step) WHERE metric = 'tradestream_parked_records' OR age > $3`,
    [POINTS.map(({ minutes }) => minutes), POINTS.map(({ step }) => step), DAYS_7],
  );
  await world.rows(
    `INSERT INTO monitor.alerts (fingerprint, name, severity, summary, runbook, labels, starts_at, ends_at)
     SELECT 'old', 'Old', 'info', '', '', '{}', now() - age, now() - age FROM unnest($1::interval[]) AS age`,
    [['6 days 23 hours', '7 days 1 hour']],
  );
  // As another monitor's, whose lease lasts.
  await world.rows(
    `INSERT INTO ledger.jobs (id, kind, actor, why, state, runs, lease_until, progressed_at, finished_at)
     SELECT gen_random_uuid(), kind, 'olga', 'a test', state, 1, now() + interval '1 hour', now() - age,
       CASE WHEN state <> 'running' THEN now() - age END
     FROM unnest($1::text[], $2::text[], $3::interval[]) AS job (kind, state, age)`,
    [JOBS.map(({ kind }) => kind), JOBS.map(({ state }) => state), JOBS.map(({ age }) => age)],
  );
  monitor = await monitorOf(world, settings());
}, 120_000);

afterAll(async () => {
  await monitor?.stop();
  await Promise.all(receivers.map((each) => each.stop()));
  await world?.[Symbol.asyncDispose]();
});

const DAYS_7 = 7 * 24 * 60;
/** On either side of the time for which points of a step are kept. */
const POINTS = [
  { step: 10, minutes: 175, isKept: true },
  { step: 10, minutes: 181, isKept: false },
  { step: 60, minutes: 24 * 60 - 5, isKept: true },
  { step: 60, minutes: 24 * 60 + 1, isKept: false },
  { step: 600, minutes: DAYS_7 - 5, isKept: true },
  { step: 600, minutes: DAYS_7 + 1, isKept: false },
] as const;

const JOBS = [
  { kind: 'snapshot', state: 'failed', age: '5 minutes' },
  { kind: 'redrive', state: 'failed', age: '2 hours' },
  { kind: 'retention', state: 'running', age: '16 minutes' },
  { kind: 'replay-commands', state: 'running', age: '5 minutes' },
  { kind: 'discard', state: 'done', age: '91 days' },
] as const;

/** A group that stopped before unread records, and a way to mend it. */
async function stoppedGroup(name: string): Promise<{ readonly group: string; readonly mend: () => Promise<void> }> {
  const topic = world.group(name);
  await world.admin.createTopics([{ topic, partitions: 1 }]);
  const append = () => world.producer.send(topic, [{ partition: 0, key: null, value: Buffer.from('1') }]);
  await append();
  const consumer = await ScriptedConsumer.open(world.kafka, { group: topic, topic });
  await eventually(() => consumer.committed === 1, { withinMs: WITHIN_MS });
  await consumer.close();
  await append();
  return {
    group: topic,
    mend: async () => {
      const again = await ScriptedConsumer.open(world.kafka, { group: topic, topic, from: 1 });
      await eventually(() => again.committed === 2, { withinMs: WITHIN_MS });
      await again.close();
    },
  };
}

async function alertsOf(group: string): Promise<readonly Item[]> {
  const { items } = await monitor.get<{ items: Item[] }>('/v1/alerts');
  return items.filter(({ labels }) => labels['group'] === group);
}

test('a stopped consumer is told once when it fires and once when it is mended, signed', async () => {
  const { group, mend } = await stoppedGroup('told');
  await eventually(() => receiver.of('ConsumerStopped', group).length > 0, { withinMs: WITHIN_MS });
  expect(await alertsOf(group)).toMatchObject([{ name: 'ConsumerStopped', state: 'firing', silenced: false }]);
  await mend();
  await eventually(() => receiver.of('ConsumerStopped', group).length > 1, { withinMs: WITHIN_MS });
  expect(receiver.of('ConsumerStopped', group)).toEqual(['firing', 'resolved']);
  const [signature = '', body = ''] = [receiver.signatures.at(-1), receiver.bodies.at(-1)];
  const [, seconds = '', mac = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  expect(createHmac('sha256', KEY).update(`${seconds}.${body}`).digest('hex')).toBe(mac);
  expect(JSON.parse(body)).toMatchObject({ version: '4', groupLabels: { alertname: 'ConsumerStopped' } });
});

test('an alert arrives once at a receiver that was away, across a new start of the monitor, and not twice at the others', async () => {
  await receiver.stop();
  const { group, mend } = await stoppedGroup('away');
  await eventually(async () => (await alertsOf(group)).length === 1, { withinMs: WITHIN_MS });
  await monitor.stop();
  monitor = await monitorOf(world, settings());
  await eventually(async () => (await alertsOf(group)).some(({ state }) => state === 'firing'), {
    withinMs: WITHIN_MS,
  });
  await eventually(() => other.of('ConsumerStopped', group).length === 1, { withinMs: WITHIN_MS });
  await receiver.start();
  await eventually(() => receiver.of('ConsumerStopped', group).length > 0, { withinMs: WITHIN_MS });
  await mend();
  await eventually(() => receiver.of('ConsumerStopped', group).length > 1, { withinMs: WITHIN_MS });
  for (const each of [receiver, other]) {
    await eventually(() => each.of('ConsumerStopped', group).length > 1, { withinMs: WITHIN_MS });
    expect(each.of('ConsumerStopped', group)).toEqual(['firing', 'resolved']);
  }
  // An Alertmanager is told again while it fires, which is how its API is meant.
  await eventually(() => alertmanager.of('ConsumerStopped', group).at(-1) === 'resolved', { withinMs: WITHIN_MS });
  expect([...new Set(alertmanager.of('ConsumerStopped', group))]).toEqual(['firing', 'resolved']);
  expect([...alertmanager.paths]).toEqual(['/api/v2/alerts']);
});

test('a silenced alert is shown and not told; making and ending a silence is audited', async () => {
  const matchers = { group: world.group('silenced') };
  const made = await monitor.get<{ id: string }>('/v1/silences', {
    method: 'POST',
    headers: operator,
    body: JSON.stringify({ matchers, minutes: 10, why: 'a test' }),
  });
  const { group, mend } = await stoppedGroup('silenced');
  await eventually(async () => (await alertsOf(group)).length === 1, { withinMs: WITHIN_MS });
  expect(await alertsOf(group)).toMatchObject([{ state: 'firing', silenced: true }]);
  expect(receiver.of('ConsumerStopped', group)).toEqual([]);
  await fetch(new URL(`/v1/silences/${made.id}`, monitor.url), {
    method: 'DELETE',
    headers: { authorization: operator.authorization },
  });
  await eventually(() => receiver.of('ConsumerStopped', group).length > 0, { withinMs: WITHIN_MS });
  await mend();
  const audit = await world.rows<{ action: string; actor: string; why: string }>(
    'SELECT action, actor, why FROM ledger.audit ORDER BY id',
  );
  expect(audit).toMatchObject([
    { action: 'silence', actor: 'operator@127.0.0.1', why: 'a test' },
    { action: 'unsilence', actor: 'operator@127.0.0.1' },
  ]);
});

test('what the parts of the pipeline lack is named: no worker, no projector', async () => {
  await eventually(
    async () => {
      const { items } = await monitor.get<{ items: Item[] }>('/v1/alerts');
      const names = items.filter(({ state }) => state === 'firing').map(({ name }) => name);
      return names.includes('WorkerGone') && names.includes('ProjectorGone');
    },
    { withinMs: WITHIN_MS },
  );
  const worker = world.startWorker();
  await eventually(
    () => receiver.told.some(({ alertname, status }) => alertname === 'WorkerGone' && status === 'resolved'),
    {
      withinMs: WITHIN_MS,
    },
  );
  expect(worker.exitCode).toBeNull();
});

test('a job that failed and one that stands still are named, and one that ended long ago is gone', async () => {
  await eventually(
    async () => {
      const { items } = await monitor.get<{ items: Item[] }>('/v1/alerts');
      const jobs = items
        .filter(({ name }) => name.startsWith('Job'))
        .map((each) => `${each.name} ${each.labels['kind']}`);
      expect(jobs.toSorted()).toEqual(['JobFailed snapshot', 'JobStalled retention']);
    },
    { withinMs: WITHIN_MS },
  );
  const kept = await world.rows<{ kind: string }>('SELECT kind FROM ledger.jobs ORDER BY kind');
  expect(kept.map(({ kind }) => kind)).toEqual(['redrive', 'replay-commands', 'retention', 'snapshot']);
});

test('history holds what was measured, by step', async () => {
  const answer = await eventually(
    async () => {
      const found = await monitor.get<HistoryAnswer>('/v1/metrics/history?metric=tradestream_replication_lag_bytes');
      if (found.series.length === 0) throw new Error('no series yet');
      return found;
    },
    { withinMs: WITHIN_MS },
  );
  expect(answer.stepSeconds).toBe(10);
  expect(answer.series.map(({ labels }) => labels['node'])).toContain('replica-1');
  expect(answer.series[0]?.points[0]).toHaveLength(3);
});

test('what is older than its step is kept for is deleted, and so are old alerts and series without points', async () => {
  const points = await world.rows<{ step: number; minutes: number }>(
    `SELECT step, highest::int AS minutes FROM monitor.points JOIN monitor.series AS s ON s.id = series_id
     WHERE metric = 'tradestream_parked_records' AND highest > 100 ORDER BY step`,
  );
  expect(points).toEqual(POINTS.filter(({ isKept }) => isKept).map(({ step, minutes }) => ({ step, minutes })));
  const old = await world.rows(`SELECT FROM monitor.alerts WHERE name = 'Old'`);
  expect(old).toHaveLength(1);
  expect(await world.rows(`SELECT FROM monitor.series WHERE metric = 'gone'`)).toEqual([]);
});

test('the figures are on /metrics under the names of kafka-lag-exporter and our own', async () => {
  const text = await monitor.text('/metrics');
  expect(text).toMatch(
    /^kafka_consumergroup_group_lag\{cluster_name="[^"]+",group="[^"]+",topic="[^"]+",partition="0"/m,
  );
  for (const name of [
    'kafka_consumergroup_group_max_lag_seconds',
    'kafka_partition_latest_offset',
    'tradestream_node_up',
  ])
    expect(text).toMatch(new RegExp(`^${name}\\{`, 'm'));
  expect(text).toMatch(/^tradestream_replication_lag_bytes\{node="replica-1",service="monitor"\} \d+/m);
});
