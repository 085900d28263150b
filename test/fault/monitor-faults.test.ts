import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineAnswer } from '@tradestream/answers';
import { openSession, type Session } from '@tradestream/database';
import { createLogger, sleep } from '@tradestream/runtime';
import { openStack, type Stack } from '@tradestream/stack';
import { verifyDeep } from '@tradestream/verify';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlertPhases, type Fault } from '../support/alert-phases.ts';
import { AlertReceiver } from '../support/alert-receiver.ts';
import { eventually } from '../support/eventually.ts';
import type { LedgerWorld } from '../support/ledger-world.ts';
import type { MonitorProcess } from '../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ServiceAddresses } from '../support/service-addresses.ts';
import { SteadyLoad } from '../support/steady-load.ts';

const HEALED_MS = 90_000;
/** Load with pauses and without a fault. */
const QUIET_MS = 180_000;
/** Of a pipeline that stood still. */
const STANDING = ['PipelineStopped', 'ConsumerStalled', 'ConsumerStopped', 'RelayStuck', 'CanaryLost'];
/** Above initdb's 100: a standby may not have fewer than its primary ever had. */
const CONNECTIONS_MAX = 110;
const CALLERS = 6;

let stack: Stack;
let world: LedgerWorld;
let monitor: MonitorProcess;
let worker: ChildProcess;
let projector: ChildProcess;
const receiver = new AlertReceiver();
const phases = new AlertPhases(receiver);
const expectNamed = (fault: Fault) => phases.named(fault);
let load: SteadyLoad;
let gatewayUrl: string;
const addresses = new ServiceAddresses();

beforeAll(async () => {
  await receiver.start();
  stack = await openStack({
    log: createLogger({ service: 'monitor-faults', level: 'warn' }),
    postgresSettings: { max_connections: String(CONNECTIONS_MAX) },
  });
  world = await openMonitorWorld(stack.endpoints, 'monitor-faults', 2);
  [worker, projector, gatewayUrl] = await Promise.all([startWorker(), startProjector(), startGateway()]);
  monitor = await monitorOf(world, {
    TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: '2000',
    TRADESTREAM_MONITOR_CANARY: 'true',
    TRADESTREAM_MONITOR_CANARY_INTERVAL_MS: '1000',
    TRADESTREAM_MONITOR_SERVICES_FILE: addresses.file,
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
  load = new SteadyLoad(world);
}, 300_000);

afterAll(async () => {
  await load?.[Symbol.asyncDispose]();
  await monitor?.stop();
  await world?.[Symbol.asyncDispose]();
  await stack?.close();
  await receiver.stop();
  process.stderr.write(`alerts came after: ${JSON.stringify(phases.tookMs)}\n`);
}, 120_000);

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function startWorker(): Promise<ChildProcess> {
  const child = world.startWorker();
  await addresses.tell(world, 'worker', child);
  return child;
}

async function startProjector(): Promise<ChildProcess> {
  const child = world.startProjector();
  await addresses.tell(world, 'projector', child);
  return child;
}

/** One connection to each node: whoever comes second waits. */
async function startGateway(): Promise<string> {
  return await addresses.tell(world, 'gateway', world.startGateway({ TRADESTREAM_GATEWAY_POOL_MAX: '1' }));
}

test('while all is well, with load and pauses, nothing is told', async () => {
  await sleep(QUIET_MS);
  expect(receiver.told).toEqual([]);
  expect(load.sent).toBeGreaterThan(1_000);
}, 240_000);

test('replica, registry and Redis that are dead are named', async () => {
  const parts = ['replica-3', 'registry', 'redis'] as const;
  await expectNamed({
    harms: [
      {
        alerts: ['ReplicaDown', 'RegistryDown', 'RedisDown'],
        harm: async () => {
          await Promise.all(parts.map((part) => stack.stopPart(part, 'SIGKILL')));
        },
      },
    ],
    heal: async () => {
      await Promise.all(parts.map((part) => stack.startPart(part)));
    },
  });
}, 300_000);

test('a relay that cannot publish, a replica that falls behind, a pool whose callers wait and statements that fail are named', async () => {
  const client = new Kafka({
    clientId: 'harm',
    brokers: stack.endpoints.kafkaBrokers.split(','),
    logLevel: logLevel.NOTHING,
  });
  const admin = client.admin();
  await admin.connect();
  // No event fits.
  const recordBytesMax = (value: string) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: world.topics.events,
          configEntries: [{ name: 'max.message.bytes', value }],
        },
      ],
    });
  const [replica, holder] = await Promise.all(
    [world.database.replicaUrls['replica-2'] ?? '', world.database.url].map(openHarm),
  );
  if (replica === undefined || holder === undefined) throw new Error('no session was opened');
  const callers = new AbortController();
  let isShown = false;
  await expectNamed({
    harms: [
      { alerts: ['RelayStuck'], harm: async () => await recordBytesMax('1') },
      {
        alerts: ['ReplicaLagging'],
        harm: async () => {
          await replica.query({ text: "ALTER SYSTEM SET recovery_min_apply_delay = '60s'" });
          await replica.query({ text: 'SELECT pg_reload_conf()' });
        },
      },
      {
        alerts: ['PoolExhausted', 'DatabaseErrors'],
        harm: async () => {
          await holder.query({ text: 'BEGIN' });
          await holder.query({ text: 'LOCK TABLE views.candles IN ACCESS EXCLUSIVE MODE' });
          for (let caller = 0; caller < CALLERS; caller += 1) void askForCandles(callers.signal);
        },
      },
    ],
    // Events that are not there are not projected, and what the canary waits for is not seen.
    also: ['StatementsSlow', ...STANDING],
    heal: async () => {
      isShown = await eventually(poolIsShownExhausted, { withinMs: 45_000 }).catch(() => false);
      callers.abort();
      await holder.query({ text: 'ROLLBACK' });
      await replica.query({ text: 'ALTER SYSTEM RESET recovery_min_apply_delay' });
      await replica.query({ text: 'SELECT pg_reload_conf()' });
      await recordBytesMax('1048588');
    },
  });
  expect(receiver.of('ReplicaLagging', 'replica-2')).toEqual(['firing', 'resolved']);
  for (const alert of ['PoolExhausted', 'DatabaseErrors'])
    expect(receiver.of(alert, 'gateway')).toEqual(['firing', 'resolved']);
  expect(isShown).toBe(true);
  await Promise.all([admin.disconnect(), replica.close(), holder.close()]);
}, 300_000);

/** Callers wait, their statements are slow, and those that were given up are counted by type. */
async function poolIsShownExhausted(): Promise<boolean> {
  const { pools, rates } = await monitor.get<PipelineAnswer>('/v1/pipeline');
  const gateway = pools.find(({ service }) => service === 'gateway');
  const hasErrors = (errors: Readonly<Record<string, number>>) => Object.values(errors).some((rate) => rate > 0);
  const isWaitedFor = (gateway?.waiting ?? 0) > 0 && (gateway?.waitSecondsMean ?? 0) > 0;
  return isWaitedFor && (gateway?.slowRatio ?? 0) > 0.05 && hasErrors(gateway?.errors ?? {}) && hasErrors(rates.errors);
}

/** Asks again as soon as it was answered, or refused. */
async function askForCandles(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = await fetch(`${gatewayUrl}/v1/candles?symbol=BTC-USD`, { signal }).catch(() => null);
    await answer?.arrayBuffer().catch(() => null);
  }
}

async function openHarm(url: string): Promise<Session> {
  return await openSession({
    url,
    applicationName: 'harm',
    connectTimeoutMs: 10_000,
    settings: { deadlock_timeout: '20ms', lock_timeout: '5s' },
  });
}

test('a worker that is frozen, and a projector that is dead, are named', async () => {
  await expectNamed({
    harms: [
      {
        alerts: ['PipelineStopped'],
        harm: async () => {
          worker.kill('SIGSTOP');
        },
      },
      { alerts: ['ProjectorGone'], harm: async () => await end(projector) },
    ],
    also: ['ServiceDown', ...STANDING],
    heal: async () => {
      worker.kill('SIGCONT');
      projector = await startProjector();
    },
  });
  // The ledger stood still because of the worker, whatever the projector did.
  expect(receiver.of('PipelineStopped', 'ledger')).toEqual(['firing', 'resolved']);
}, 300_000);

test('a worker that is dead is named', async () => {
  await expectNamed({
    harms: [{ alerts: ['WorkerGone'], harm: async () => await end(worker) }],
    also: ['ServiceDown', ...STANDING],
    heal: async () => {
      worker = await startWorker();
    },
  });
}, 300_000);

test('connections that run out, deadlocks and a flood of poison are named', async () => {
  const sessions: Session[] = [];
  let isStormy = false;
  let storm = Promise.resolve();
  await world.rows('CREATE TABLE public.harm (id integer PRIMARY KEY, value integer NOT NULL)');
  await world.rows('INSERT INTO public.harm VALUES (1, 0), (2, 0)');
  await expectNamed({
    harms: [
      {
        alerts: ['ConnectionUsage'],
        harm: async () => {
          while (sessions.length < CONNECTIONS_MAX) {
            const session = await openHarm(world.database.url).catch(() => null);
            if (session === null) break;
            sessions.push(session);
          }
          for (const each of sessions.splice(-6)) await each.close(); // so that the others can still connect
        },
      },
      {
        alerts: ['PoisonFlood', 'RecordsParked'],
        harm: async () => {
          const noise = Array.from({ length: 300 }, (_, index) => ({
            key: `k${index}`,
            value: Buffer.from('no Avro'),
          }));
          await world.producer.send(world.topics.commands, noise);
        },
      },
      {
        alerts: ['DeadlockStorm'],
        harm: async () => {
          const [first, second] = sessions;
          if (first === undefined || second === undefined) throw new Error('no session was opened');
          isStormy = true;
          storm = (async () => {
            while (isStormy) await deadlock(first, second);
          })();
        },
      },
    ],
    also: ['ErrorRate', ...STANDING],
    heal: async () => {
      isStormy = false;
      await storm;
      await Promise.all(sessions.map((each) => each.close()));
      await world.rows(`UPDATE ledger.parked SET status = 'discarded'`);
    },
  });
}, 300_000);

async function deadlock(first: Session, second: Session): Promise<void> {
  const update = (session: Session, id: number) =>
    session.query({ text: 'UPDATE public.harm SET value = value + 1 WHERE id = $1', values: [id] });
  await Promise.all([first.query({ text: 'BEGIN' }), second.query({ text: 'BEGIN' })]);
  await Promise.all([update(first, 1), update(second, 2)]);
  await Promise.allSettled([update(first, 2), update(second, 1)]);
  await Promise.all([first.query({ text: 'ROLLBACK' }), second.query({ text: 'ROLLBACK' })]);
}

test('a broker that is dead is named, alone, and the pipeline goes on when it is back', async () => {
  const before = receiver.told.length;
  let whileDown: readonly string[] = [];
  await expectNamed({
    harms: [{ alerts: ['BrokerDown'], harm: async () => await stack.stopPart('kafka', 'SIGKILL') }],
    also: STANDING,
    heal: async () => {
      whileDown = receiver.told.slice(before).map(({ alertname }) => alertname);
      await stack.startPart('kafka');
    },
  });
  // The canary may be waited for in vain before that is known.
  expect(whileDown.filter((name) => name !== 'CanaryLost')).toEqual(['BrokerDown']);
  await eventually(async () => (await monitor.get<{ canary: { ok: boolean } }>('/v1/pipeline')).canary.ok, {
    withinMs: HEALED_MS,
  });
  // Until everybody has found the broker again, the pipeline does stand still.
  phases.judge(STANDING);
}, 300_000);

test('besides what names a fault and what it does to others nothing was told', () => {
  expect(phases.falseAlarms).toEqual([]);
  expect(Object.keys(phases.tookMs)).toHaveLength(15);
});

test('the oracle finds that every fault raised its alert, and names one that raised none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradestream-faults-'));
  const [first] = phases.journal;
  const judged = async (entries: readonly object[]) => {
    const faults = join(folder, 'faults.jsonl');
    writeFileSync(faults, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const { rules } = await verifyDeep(
      { ...world.database.endpoints, monitor: { url: monitor.url } },
      { signal: AbortSignal.timeout(120_000), topicPrefix: world.group(''), faults },
    );
    return rules.find(({ rule }) => rule === 10);
  };
  try {
    expect(await judged(phases.journal)).toMatchObject({ state: 'holds', detail: '15 faults' });
    const untold = { ...first, fault: 'a fault that nobody saw', alert: 'SlotRetention' };
    const broken = { state: 'broken', detail: `a fault that nobody saw at ${first?.from} raised no SlotRetention` };
    expect(await judged([untold])).toMatchObject(broken);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 150_000);
