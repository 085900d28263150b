import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { newCommandId } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { HttpDoor } from '../support/http-door.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;

let world: LedgerWorld;
let database: TcpProxy;
let registry: TcpProxy;
let broker: TcpProxy;
/** The ways through the proxies. */
let away: Record<'registry' | 'broker' | 'database', Record<string, string>>;

beforeAll(async () => {
  const endpoints = inject('endpoints');
  world = await openLedgerWorld(endpoints, 'life', 2);
  const toDatabase = await TcpProxy.before(world.database.serviceUrls.worker);
  const toRegistry = await TcpProxy.before(endpoints.schemaRegistryUrl);
  const [host = '', port] = endpoints.kafkaBrokers.split(':');
  // Only the first address goes through it: what the broker then tells of itself is direct.
  broker = await TcpProxy.open({ host, port: Number(port) });
  database = toDatabase.proxy;
  registry = toRegistry.proxy;
  away = {
    registry: { SCHEMA_REGISTRY_URL: toRegistry.url },
    broker: { KAFKA_BROKERS: `127.0.0.1:${broker.port}` },
    database: { TRADESTREAM_WORKER_DATABASE_URL: toDatabase.url },
  };
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  for (const proxy of [database, registry, broker]) await proxy[Symbol.asyncDispose]();
});

test('a worker that waits for its schemas while its sessions end opens others', async () => {
  const { schemaRegistryUrl } = inject('endpoints');
  await using door = await HttpDoor.before(schemaRegistryUrl);
  door.shutPath = '/schemas/ids/';
  door.isShut = true;
  const worker = world.startWorker({ SCHEMA_REGISTRY_URL: door.outside(schemaRegistryUrl) });
  await waitsFor(worker, 'registry');
  await eventually(async () => expect(await endSessions()).toBe(2), WITHIN);
  door.isShut = false;
  await eventually(async () => expect(await world.unready(worker)).toEqual({}), WITHIN);
  expect(await stop(worker)).toBe(0);
});

test('a worker starts before what it needs, says what it waits for, and begins when the last of it is there', async () => {
  for (const proxy of [registry, broker, database]) proxy.mode = 'refuse';
  const worker = world.startWorker({ ...away.registry, ...away.broker, ...away.database });
  await world.send(deposits(50));
  for (const [part, proxy] of [
    ['registry', registry],
    ['broker', broker],
    ['database', database],
  ] as const) {
    await waitsFor(worker, part);
    proxy.mode = 'pass';
  }
  await world.applied(60_000);
  await eventually(async () => expect(await world.unready(worker)).toEqual({}), WITHIN);
});

test('a worker that still waits ends at once when it is told to', async () => {
  for (const proxy of [registry, broker, database]) proxy.mode = 'refuse';
  const parts = ['registry', 'broker', 'database'] as const;
  // With the ledger there none of them waits for the registry.
  const workers = parts.map((part) =>
    world.startWorker({ ...away[part], ...(part === 'registry' ? away.database : {}) }),
  );
  for (const [index, worker] of workers.entries()) await waitsFor(worker, parts[index] ?? '');
  expect(await Promise.all(workers.map(stop))).toEqual([0, 0, 0]);
  for (const proxy of [registry, broker, database]) proxy.mode = 'pass';
});

test('a worker told to stop under load settles its batch and gives its partitions back', async () => {
  await world.stopWorkers();
  await world.send(deposits(2_000));
  const worker = world.startWorker({ TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '50' });
  await eventually(async () => (await receipts()) > 50, WITHIN);
  expect(await stop(worker)).toBe(0);
  const left = await world.rows('SELECT 1 FROM ledger.partitions WHERE owner IS NOT NULL');
  expect(left).toEqual([]);
  const next = world.startWorker();
  await world.applied(60_000);
  expect(world.logOf(next).filter((line) => line.event === 'previous_owner_died')).toEqual([]);
  expect(await receipts()).toBe(2_050);
  await stop(next);
});

test('a worker whose COMMIT gets no answer ends within its limit, and the next one settles what it left', async () => {
  const worker = world.startWorker(away.database);
  await eventually(async () => expect(await world.unready(worker)).toEqual({}), WITHIN);
  const claimed = () => world.logOf(worker).some((line) => line.event === 'partitions_claimed');
  await eventually(claimed, WITHIN);
  let commits = 0;
  database.rule = (bytes) => {
    if (!bytes.includes('COMMIT\u0000')) return 'pass';
    commits += 1;
    database.mode = 'drop'; // with the answer to come; what is sent from here on is lost as well
    return 'pass';
  };
  await world.send(deposits(20));
  await eventually(() => commits > 0, WITHIN);
  expect(await stop(worker)).toBe(0);
  expect(world.logOf(worker).map((line) => line.event)).toContain('batch_left_unsettled');
  database.rule = () => 'pass';
  database.mode = 'pass';
  database.resetAll();
  world.startWorker();
  await world.applied(60_000);
  expect(await receipts()).toBe(2_070);
});

function deposits(count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, index) => ({
    commandId: newCommandId(),
    command: { type: 'DepositFunds', userId: `user-${index % 100}`, asset: 'USD', amount: UNIT },
  }));
}

async function waitsFor(worker: ChildProcess, part: string): Promise<void> {
  await eventually(async () => {
    const detail = (await world.unready(worker))[part] ?? 'starting';
    if (detail === 'starting') throw new Error(`${part} is not waited for`);
  }, WITHIN);
}

/** The exit code of a worker that was told to stop: 1 when its drain went beyond the limit. */
async function stop(worker: ChildProcess): Promise<number | null> {
  const exited = once(worker, 'exit');
  worker.kill('SIGTERM');
  await exited;
  return worker.exitCode;
}

/** Ends those with which a worker applies and loads; how many there were. */
async function endSessions(): Promise<number> {
  const ended = await world.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name IN ('tradestream-worker', 'tradestream-worker-loads')`,
  );
  return ended.length;
}

async function receipts(): Promise<number> {
  const [row] = await world.rows<{ count: string }>('SELECT count(*)::text AS count FROM ledger.receipts');
  return Number(row?.count);
}
