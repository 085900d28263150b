import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSession, type Session } from '@tradestream/database';
import { createLogger } from '@tradestream/runtime';
import { openStack, type Stack } from '@tradestream/stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import type { MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';

/** The aim is 15 s, printed; the bound leaves room for a loaded machine. */
const NAMED_MS = 45_000;
const HEALED_MS = 60_000;
/** Above initdb's 100: a standby may not have fewer than its primary ever had. */
const CONNECTIONS_MAX = 110;

let stack: Stack;
let world: LedgerWorld;
let monitor: MonitorProcess;
let worker: ChildProcess;
let projector: ChildProcess;
const receiver = new AlertReceiver();
const tookMs: Record<string, number> = {};

beforeAll(async () => {
  await receiver.start();
  stack = await openStack({
    log: createLogger({ service: 'monitor-faults', level: 'warn' }),
    postgresSettings: { max_connections: String(CONNECTIONS_MAX) },
  });
  world = await openMonitorWorld(stack.endpoints, 'monitor-faults', 2);
  worker = world.startWorker();
  projector = world.startProjector();
  monitor = await monitorOf(world, {
    TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: '2000',
    TRADESTREAM_MONITOR_CANARY: 'true',
    TRADESTREAM_MONITOR_CANARY_INTERVAL_MS: '1000',
    TRADESTREAM_MONITOR_WEBHOOK_URL: receiver.url,
    TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: receiver.allowed,
  });
  await eventually(
    async () => {
      const { canary } = await monitor.get<{ canary: { ok: boolean } }>('/v1/pipeline');
      return canary.ok;
    },
    { withinMs: 60_000 },
  );
}, 180_000);

afterAll(async () => {
  await monitor?.stop();
  await world?.[Symbol.asyncDispose]();
  await stack?.close();
  await receiver.stop();
  process.stderr.write(`alerts came after: ${JSON.stringify(tookMs)}\n`);
}, 120_000);

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function countOf(alertname: string, status: string): number {
  return receiver.told.filter((each) => each.alertname === alertname && each.status === status).length;
}

/** Does harm, waits until each alert was told, heals, and waits until each was told to be over. */
async function expectNamed(
  alerts: readonly string[],
  harm: () => Promise<void>,
  heal: () => Promise<void>,
): Promise<void> {
  const before = new Map(alerts.map((name) => [name, countOf(name, 'firing')]));
  const startedMs = performance.now();
  await harm();
  try {
    for (const name of alerts) {
      await eventually(() => countOf(name, 'firing') > (before.get(name) ?? 0), { withinMs: NAMED_MS }).catch(() => {
        throw new Error(`${name} was not told; told were ${receiver.told.map((each) => each.alertname).join(', ')}`);
      });
      tookMs[name] = Math.round(performance.now() - startedMs);
    }
  } finally {
    await heal();
  }
  for (const name of alerts)
    await eventually(() => countOf(name, 'resolved') === countOf(name, 'firing'), { withinMs: HEALED_MS });
}

test('while all is well nothing is told', () => {
  expect(receiver.told).toEqual([]);
});

test('replica, registry and Redis that are dead are named', async () => {
  const parts = ['replica-3', 'registry', 'redis'] as const;
  await expectNamed(
    ['ReplicaDown', 'RegistryDown', 'RedisDown'],
    async () => {
      await Promise.all(parts.map((part) => stack.stopPart(part, 'SIGKILL')));
    },
    async () => {
      await Promise.all(parts.map((part) => stack.startPart(part)));
    },
  );
  expect(countOf('BrokerDown', 'firing')).toBe(0);
}, 180_000);

test('a worker that is frozen, and a projector that is dead, are named', async () => {
  await expectNamed(
    ['ProjectorGone', 'PipelineStopped'],
    async () => {
      worker.kill('SIGSTOP');
      await end(projector);
    },
    async () => {
      worker.kill('SIGCONT');
      projector = world.startProjector();
    },
  );
  // The ledger stood still because of the worker, whatever the projector did.
  expect(receiver.of('PipelineStopped', 'ledger')).toEqual(['firing', 'resolved']);
}, 180_000);

test('a worker that is dead is named', async () => {
  await expectNamed(
    ['WorkerGone'],
    async () => await end(worker),
    async () => {
      worker = world.startWorker();
    },
  );
}, 180_000);

test('connections that run out, deadlocks and a flood of poison are named', async () => {
  const sessions: Session[] = [];
  const url = world.database.url;
  const settings = { deadlock_timeout: '20ms', lock_timeout: '5s' };
  const open = async () =>
    await openSession({ url, applicationName: 'harm', connectTimeoutMs: 10_000, settings }).catch(() => null);
  await world.rows('CREATE TABLE public.harm (id integer PRIMARY KEY, value integer NOT NULL)');
  await world.rows('INSERT INTO public.harm VALUES (1, 0), (2, 0)');
  await expectNamed(
    ['ConnectionUsage', 'DeadlockStorm', 'PoisonFlood', 'RecordsParked'],
    async () => {
      while (sessions.length < CONNECTIONS_MAX) {
        const session = await open();
        if (session === null) break;
        sessions.push(session);
      }
      for (const each of sessions.splice(-6)) await each.close(); // so that the others can still connect
      const noise = Array.from({ length: 300 }, (_, index) => ({ key: `k${index}`, value: Buffer.from('no Avro') }));
      await world.producer.send(world.topics.commands, noise);
      const [first, second] = sessions;
      if (first === undefined || second === undefined) throw new Error('no session was opened');
      for (let round = 0; round < 12; round += 1) await deadlock(first, second);
    },
    async () => {
      await Promise.all(sessions.map((each) => each.close()));
      await world.rows(`UPDATE ledger.parked SET status = 'discarded'`);
    },
  );
}, 180_000);

async function deadlock(first: Session, second: Session): Promise<void> {
  const update = (session: Session, id: number) =>
    session.query({ text: 'UPDATE public.harm SET value = value + 1 WHERE id = $1', values: [id] });
  await Promise.all([first.query({ text: 'BEGIN' }), second.query({ text: 'BEGIN' })]);
  await Promise.all([update(first, 1), update(second, 2)]);
  await Promise.allSettled([update(first, 2), update(second, 1)]);
  await Promise.all([first.query({ text: 'ROLLBACK' }), second.query({ text: 'ROLLBACK' })]);
}

test('a broker that is dead is named, alone, and the pipeline goes on when it is back', async () => {
  const before = countOf('PipelineStopped', 'firing');
  await expectNamed(
    ['BrokerDown'],
    async () => await stack.stopPart('kafka', 'SIGKILL'),
    async () => await stack.startPart('kafka'),
  );
  expect(countOf('PipelineStopped', 'firing')).toBe(before);
  await eventually(async () => (await monitor.get<{ canary: { ok: boolean } }>('/v1/pipeline')).canary.ok, {
    withinMs: HEALED_MS,
  });
}, 180_000);
