import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { examine, type Finding, type PartEndpoints } from '@tradestream/cli';
import { topicsWithPrefix } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LedgerWorld, openLedgerWorld } from '../support/ledger-world.ts';
import { deposit } from '../support/poison-records.ts';
import { uniquePrefix } from '../support/scratch.ts';

let world: LedgerWorld;

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'doctor');
}, 120_000);

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('the stack as it is started has no failure, and every part is looked at', async () => {
  const { exitCode, findings } = await runDoctor();
  expect(findings.filter(({ status }) => status === 'FAIL')).toEqual([]);
  expect(exitCode).toBe(0);
  const parts = new Set(findings.map(({ part }) => part));
  expect([...parts]).toEqual(['host', 'primary', 'replica-1', 'replica-2', 'replica-3', 'kafka', 'registry', 'redis']);
  for (const check of [
    'fsync',
    'full_page_writes',
    'synchronous_commit',
    'synchronous_standby_names',
    'clock',
    'slots',
    'connections',
    'schema views',
    'role tradestream_worker',
  ]) {
    expect(findings).toContainEqual(expect.objectContaining({ part: 'primary', check, status: 'OK' }));
  }
  for (const check of ['version', 'fsync', 'full_page_writes', 'replay'])
    expect(findings).toContainEqual(expect.objectContaining({ part: 'replica-1', check, status: 'OK' }));
  expect(findings).toContainEqual(
    expect.objectContaining({
      part: 'redis',
      check: 'version',
      status: 'OK',
      found: expect.stringMatching(/^Redis \d/),
    }),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({ part: 'redis', check: 'maxmemory-policy', status: 'OK', found: 'noeviction' }),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({ part: 'kafka', check: world.topics.commands, found: 'cleanup.policy=delete' }),
  );
});

test('the schemas of this release are found registered, and one that is not is told', async () => {
  expect(await look()).toContainEqual(
    expect.objectContaining({
      part: 'registry',
      check: `${world.topics.commands}-value`,
      status: 'OK',
      found: `registered, id ${world.commandSchemaId}`,
    }),
  );
  const elsewhere = await look({}, uniquePrefix('doctor-nowhere'));
  expect(
    elsewhere.filter(({ part, status }) => part === 'registry' && status === 'WARN').map(({ found }) => found),
  ).toContain('this schema is not registered yet');
});

test('a check that fails in the middle names what was not looked at', async () => {
  await world.rows('ALTER TABLE views.migrations RENAME COLUMN sha256 TO sha');
  const failures = failuresOf(await look(), 'primary');
  await world.rows('ALTER TABLE views.migrations RENAME COLUMN sha TO sha256');
  expect(failures).toEqual([expect.objectContaining({ check: 'examined', found: expect.stringContaining('sha256') })]);
});

test('what is not well is told with how to mend it, and the exit code is 3', async () => {
  await world.rows(`ALTER DATABASE ${databaseName()} SET synchronous_commit = 'off'`);
  const { exitCode, findings, stderr } = await runDoctor();
  await world.rows(`ALTER DATABASE ${databaseName()} RESET synchronous_commit`);
  expect(exitCode).toBe(3);
  expect(stderr).toContain('not well: primary synchronous_commit');
  expect(findings).toContainEqual({
    part: 'primary',
    check: 'synchronous_commit',
    status: 'FAIL',
    found: `synchronous_commit=off of database ${databaseName()}`,
    mend: 'reset it: ALTER ROLE or ALTER DATABASE ... RESET synchronous_commit',
  });
});

test('a part that is away is a failure, and the others are looked at all the same', async () => {
  const away = {
    databaseUrl: 'postgresql://u:p@127.0.0.1:1/x',
    schemaRegistryUrl: 'http://127.0.0.1:1',
    redisUrl: 'redis://127.0.0.1:1',
  };
  const findings = await look(away);
  for (const part of ['primary', 'registry', 'redis']) {
    expect(failuresOf(findings, part)).toContainEqual(expect.objectContaining({ check: 'reachable' }));
  }
  expect(failuresOf(findings, 'kafka')).toEqual([]);
});

test('a Redis that may evict jobs is a failure', async () => {
  await askRedis('CONFIG SET maxmemory-policy allkeys-lru');
  const findings = await look();
  await askRedis('CONFIG SET maxmemory-policy noeviction');
  expect(failuresOf(findings, 'redis')).toEqual([
    expect.objectContaining({ check: 'maxmemory-policy', found: 'allkeys-lru' }),
  ]);
});

test('a slot that nobody uses is named with what it holds back', async () => {
  await world.rows(`SELECT pg_create_physical_replication_slot('left_behind', true)`);
  const findings = await look();
  await world.rows(`SELECT pg_drop_replication_slot('left_behind')`);
  expect(findings).toContainEqual(
    expect.objectContaining({ check: 'slots', status: 'WARN', found: expect.stringMatching(/^left_behind .* MiB/) }),
  );
});

test('a node that is no standby is named among the replicas', async () => {
  const findings = await look({ replicaUrls: { 'replica-1': world.database.url } });
  expect(failuresOf(findings, 'replica-1')).toEqual([
    expect.objectContaining({ check: 'role', found: 'not a standby' }),
  ]);
});

test('a migration that did not run, and one that was changed, are named', async () => {
  await world.rows(`UPDATE ledger.migrations SET sha256 = 'x' WHERE name = (SELECT min(name) FROM ledger.migrations)`);
  await world.rows('DELETE FROM views.migrations');
  const failures = failuresOf(await look(), 'primary');
  expect(failures).toContainEqual(
    expect.objectContaining({ check: 'schema ledger', found: expect.stringContaining('changed since they ran: 0001') }),
  );
  expect(failures).toContainEqual(
    expect.objectContaining({ check: 'schema views', found: expect.stringContaining('did not run: 0001') }),
  );
});

test('a compacted topic, one that is gone and another number of partitions are named', async () => {
  const prefix = uniquePrefix('doctor-topics');
  const topics = topicsWithPrefix(prefix);
  await world.admin.createTopics([
    {
      topic: topics.commands,
      partitions: 3,
      config: { 'cleanup.policy': 'compact', 'unclean.leader.election.enable': 'true' },
    },
    { topic: topics.events, partitions: 2, config: { 'retention.ms': '3600000' } },
  ]);
  const findings = await look({}, prefix);
  const failures = failuresOf(findings, 'kafka');
  expect(failures).toContainEqual(expect.objectContaining({ check: topics.commands, found: 'cleanup.policy=compact' }));
  expect(failures).toContainEqual(
    expect.objectContaining({ check: topics.commands, found: 'unclean.leader.election.enable=true' }),
  );
  expect(failures).toContainEqual(expect.objectContaining({ check: topics.deadLetters, found: 'absent' }));
  expect(failures).toContainEqual(
    expect.objectContaining({ check: 'partitions', found: `3 of ${topics.commands}, 2 of ${topics.events}` }),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({ check: topics.events, status: 'WARN', found: 'kept for 1 h' }),
  );
  await world.admin.deleteTopics(Object.values(topics));
});

test('a record that murmur2 would have put elsewhere is named, and one of the future', async () => {
  const records = world.recordsOf([
    { commandId: '0190f000-0000-7000-8000-000000000001', command: deposit('eve', '1') },
  ]);
  for (const partition of [0, 1]) {
    await world.producer.send(
      world.topics.commands,
      records.map((record) => ({ ...record, partition, timestampMs: Date.now() + 60_000 })),
    );
  }
  const findings = await look();
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'producer clocks',
      status: 'WARN',
      found: expect.stringMatching(/^a record is [56]\d s ahead/),
    }),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'partitioner',
      status: 'WARN',
      found: expect.stringMatching(/^[12] of 2 records lie elsewhere, the first at [01]@0/),
    }),
  );
});

test('a ledger that goes on where the log has ended is named', async () => {
  await world.rows(`INSERT INTO ledger.partitions (topic, partition, next_offset) VALUES ($1, 5, 1000)`, [
    world.topics.commands,
  ]);
  expect(failuresOf(await look(), 'kafka')).toContainEqual(
    expect.objectContaining({ check: 'next offset 5', found: '1000, the log ends at 0' }),
  );
});

test('a schema id that the registry holds for another schema, or not at all, is named', async () => {
  await world.rows(`INSERT INTO ledger.schemas (id, schema) VALUES ($1, '"string"'), (987654, '"string"')`, [
    world.commandSchemaId,
  ]);
  const failures = failuresOf(await look(), 'registry');
  expect(failures.map(({ check }) => check)).toEqual([`schema id ${world.commandSchemaId}`, 'schema id 987654']);
});

function endpoints(): PartEndpoints {
  return { ...world.database.endpoints, databaseUrl: world.database.url };
}

async function look(overrides: Partial<PartEndpoints> = {}, prefix = world.group('')): Promise<readonly Finding[]> {
  const given = { ...endpoints(), ...overrides };
  return await examine(given, { topicPrefix: prefix, groupPrefix: prefix, root: process.cwd() });
}

function failuresOf(findings: readonly Finding[], part: string): readonly Finding[] {
  return findings.filter((finding) => finding.part === part && finding.status === 'FAIL');
}

/** Sends one command; resolves when it was accepted. */
async function askRedis(command: string): Promise<void> {
  const { hostname, port, password } = new URL(endpoints().redisUrl);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(`AUTH ${password}\r\n${command}\r\nQUIT\r\n`);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  await once(socket, 'close');
  expect(answer).toBe('+OK\r\n+OK\r\n+OK\r\n');
}

function databaseName(): string {
  return new URL(world.database.url).pathname.slice(1);
}

/** The command itself, as a process. */
async function runDoctor(): Promise<{
  readonly exitCode: number | null;
  readonly findings: readonly Finding[];
  readonly stderr: string;
}> {
  const { kafkaBrokers, schemaRegistryUrl, replicaUrls, redisUrl, databaseUrl } = endpoints();
  const child = spawn(process.execPath, ['packages/cli/bin/tradestream.mjs', 'doctor', '-o', 'json'], {
    env: {
      PATH: process.env['PATH'],
      KAFKA_BROKERS: kafkaBrokers,
      SCHEMA_REGISTRY_URL: schemaRegistryUrl,
      DATABASE_URL: databaseUrl,
      DATABASE_REPLICA_URLS: Object.values(replicaUrls).join(','),
      REDIS_URL: redisUrl,
      TRADESTREAM_TOPIC_PREFIX: world.group(''),
      TRADESTREAM_GROUP_PREFIX: world.group(''),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [exitCode] = await once(child, 'close');
  const findings = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Finding); // its own shape
  return { exitCode, findings, stderr };
}
