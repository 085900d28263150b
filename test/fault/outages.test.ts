import type { ChildProcess } from 'node:child_process';
import { encodeCommand, frame, newCommandId, openSchemas } from '@tradestream/contracts';
import { commandKey, UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { endProcess } from '../support/processes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WITHIN = { withinMs: 60_000 } as const;

/** Who knows its schemas says how the registry is, and does its work without it. */
const REGISTRY_AWAY = { part: 'registry', ok: false, needed: false, detail: expect.stringContaining('registry') };
const REGISTRY_THERE = { part: 'registry', ok: true, needed: false, detail: '' };

let world: LedgerWorld;
let worker: ChildProcess;
let database: TcpProxy;
let registry: TcpProxy;
let registryUrl: string;
/** The ways through the proxies. */
let away: Readonly<Record<'registry' | 'database', string>>;
let sent = 0;

beforeAll(async () => {
  const endpoints = inject('endpoints');
  world = await openLedgerWorld(endpoints, 'outages', 3);
  const toDatabase = await TcpProxy.before(world.database.serviceUrls.worker);
  const toRegistry = await TcpProxy.before(endpoints.schemaRegistryUrl);
  database = toDatabase.proxy;
  registry = toRegistry.proxy;
  registryUrl = endpoints.schemaRegistryUrl;
  away = { registry: toRegistry.url, database: toDatabase.url };
  worker = startWorker();
  await send(deposits(10));
  await world.applied(60_000);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});
test.each(['refuse', 'drop'] as const)(
  'a database that is away (%s) is waited for, also by a worker that is idle',
  async (mode) => {
    database.mode = mode;
    if (mode === 'refuse') database.resetAll();
    // Caught in the middle of a COMMIT it is the way to the database that is named, else what stands still by it.
    await eventually(
      async () => expect(Object.keys(await world.unready(worker)).join(' ')).toMatch(/applying|database/),
      WITHIN,
    );
    await send(deposits(100));
    database.mode = 'pass';
    if (mode === 'drop') database.resetAll();
    await expectNothingLost();
  },
);

test('a registry that is away keeps a record of a new schema waiting; one that was used needs no registry', async () => {
  const schemaId = await registerAnother();
  loseRegistry();
  await sendWith(schemaId, 'new-1');
  await eventually(async () => expect((await world.unready(worker))['applying']).toMatch(/registry/), WITHIN);
  registry.mode = 'pass';
  await world.applied(60_000);
  loseRegistry();
  await sendWith(schemaId, 'new-2');
  await world.applied(60_000);
  registry.mode = 'pass';
  await expectNothingLost();
});

test('worker and projector that start while the registry is away begin with the schemas that the ledger knows', async () => {
  const unknown = await registerAnother();
  loseRegistry();
  await world.stopWorkers();
  worker = startWorker();
  const projector = world.startProjector({ SCHEMA_REGISTRY_URL: away.registry });
  await send(deposits(10));
  await world.applied(60_000);
  await world.projected(60_000);
  for (const service of [worker, projector]) {
    const said = world.logOf(service).filter(({ event }) => event === 'started_without_registry');
    expect(said).toHaveLength(1);
    await eventually(async () => expect(await world.parts(service)).toContainEqual(REGISTRY_AWAY), WITHIN);
  }
  await eventually(async () => expect(await world.unready(worker)).toEqual({}), WITHIN);
  await sendWith(unknown, 'late');
  await eventually(async () => expect((await world.unready(worker))['applying']).toMatch(/registry/), WITHIN);
  registry.mode = 'pass';
  await expectNothingLost();
  for (const service of [worker, projector])
    await eventually(async () => expect(await world.parts(service)).toContainEqual(REGISTRY_THERE), WITHIN);
  await endProcess(projector);
});

test('a registry that has forgotten a schema that was used is no reason to park', async () => {
  // As after the loss of its memory: the ledger has used an id of which the registry says that it has none.
  const forgotten = 1_987_654;
  await world.rows('INSERT INTO ledger.schemas (id, schema) SELECT $1, schema FROM ledger.schemas WHERE id = $2', [
    forgotten,
    world.commandSchemaId,
  ]);
  await sendWith(forgotten, 'forgotten');
  await expectNothingLost();
});

test('a broker that is frozen is waited for, and named', async () => {
  const pid = inject('stackPids').kafka;
  if (pid === undefined) throw new Error('the stack that the tests share runs its broker as a process');
  process.kill(pid, 'SIGSTOP');
  try {
    await eventually(
      // The whole, and the part that found out.
      async () =>
        expect(Object.keys(await world.unready(worker))).toEqual(
          expect.arrayContaining(['broker', expect.stringMatching(/^broker: /)]),
        ),
      WITHIN,
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await send(deposits(100));
  await expectNothingLost();
}, 120_000);

/** Also for whoever has a connection that is kept alive. */
function loseRegistry(): void {
  registry.mode = 'refuse';
  registry.resetAll();
}

function startWorker(): ChildProcess {
  return world.startWorker({
    TRADESTREAM_WORKER_DATABASE_URL: away.database,
    SCHEMA_REGISTRY_URL: away.registry,
    TRADESTREAM_WORKER_STATEMENT_TIMEOUT_MS: '2000',
  });
}

function deposits(count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, index) => ({
    commandId: newCommandId(),
    command: { type: 'DepositFunds', userId: `user-${index % 30}`, asset: 'USD', amount: UNIT },
  }));
}

/** Whatever was away: everything is applied, once, nothing was parked, and the worker says that it is well. */
async function expectNothingLost(): Promise<void> {
  await world.applied(60_000);
  await eventually(async () => expect(await world.unready(worker)).toEqual({}), WITHIN);
  const [counts] = await world.rows(
    `SELECT (SELECT count(*) FROM ledger.receipts WHERE outcome = 'applied')::int AS applied,
            (SELECT sum(available) FROM ledger.balances)::int AS total,
            (SELECT count(*) FROM ledger.parked)::int AS parked`,
  );
  expect(counts).toEqual({ applied: sent, total: sent, parked: 0 });
  expect(worker.exitCode).toBeNull();
}

async function send(commands: readonly Sent[]): Promise<void> {
  await world.send(commands);
  sent += commands.length;
}

async function sendWith(schemaId: number, userId: string): Promise<void> {
  const command = { type: 'DepositFunds', userId, asset: 'USD', amount: UNIT } as const;
  const value = frame(schemaId, encodeCommand({ commandId: newCommandId(), command }));
  await world.producer.send(world.topics.commands, [{ key: commandKey(command), value }]);
  sent += 1;
}

/** The schema of commands under another id, as another program would have registered it. */
async function registerAnother(): Promise<number> {
  const schemas = await openSchemas({ url: registryUrl, log: world.log, timeoutMs: 30_000 });
  const ours = JSON.parse((await schemas.schemaText(world.commandSchemaId)) ?? '{}') as Record<string, unknown>; // a record
  const schema = JSON.stringify({ ...ours, doc: `Of another program, ${newCommandId()}.` });
  const answer = await fetch(`${registryUrl}/subjects/${world.group('other-value')}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema }),
  });
  const { id } = (await answer.json()) as { id: number }; // as the registry answers
  expect(id).not.toBe(world.commandSchemaId);
  return id;
}
