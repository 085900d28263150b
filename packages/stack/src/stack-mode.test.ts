import { describe, expect, test } from 'vitest';
import { StackError } from './errors.ts';
import { type Endpoints, PART_NAMES } from './stack.ts';
import { chooseMode, choosePartsToStart, mergeEndpoints, readGivenEndpoints } from './stack-mode.ts';

const DATABASE = 'postgres://owner:secret@db-1/trades';
const REPLICAS = 'postgres://owner:secret@db-2/trades, postgres://owner:secret@db-3/trades';

function choose(env: Readonly<Record<string, string>>) {
  const given = readGivenEndpoints(env);
  const toStart = choosePartsToStart(PART_NAMES, given);
  return { mode: chooseMode(env, toStart), toStart };
}

describe('which stack is taken', () => {
  test('without endpoints everything is embedded', () => {
    expect(choose({})).toEqual({ mode: 'embedded', toStart: PART_NAMES });
  });

  test('TRADESTREAM_STACK chooses containers', () => {
    expect(choose({ TRADESTREAM_STACK: 'containers' }).mode).toBe('containers');
  });

  test('endpoints win over TRADESTREAM_STACK; what is missing is started', () => {
    const { mode, toStart } = choose({ TRADESTREAM_STACK: 'containers', DATABASE_URL: DATABASE });
    expect(mode).toBe('containers');
    expect(toStart).toEqual(['kafka', 'registry', 'redis']);
  });

  test('with every endpoint nothing is started', () => {
    const env = {
      KAFKA_BROKERS: 'kafka:9092',
      SCHEMA_REGISTRY_URL: 'http://registry:8081',
      DATABASE_URL: DATABASE,
      REDIS_URL: 'redis://redis:6379',
    };
    expect(choose(env)).toEqual({ mode: 'given', toStart: [] });
  });
});

describe('a wrong endpoint is refused by its variable, and its value is not shown', () => {
  test.each([
    [{ TRADESTREAM_STACK: 'kubernetes' }, 'TRADESTREAM_STACK'],
    [{ DATABASE_URL: 'mysql://owner:secret@db/trades' }, 'DATABASE_URL'],
    [{ DATABASE_REPLICA_URLS: REPLICAS }, 'DATABASE_URL'],
    [{ DATABASE_URL: DATABASE, DATABASE_REPLICA_URLS: 'db-2:secret' }, 'DATABASE_REPLICA_URLS'],
    [{ SCHEMA_REGISTRY_URL: 'registry:8081' }, 'SCHEMA_REGISTRY_URL'],
    [{ REDIS_URL: 'http://:secret@redis' }, 'REDIS_URL'],
    [{ TRADESTREAM_WORKER_DATABASE_URL: 'secret' }, 'TRADESTREAM_WORKER_DATABASE_URL'],
  ])('%j', (env, variable) => {
    const failure = failureOf(() => choose(env));
    expect(failure.code).toBe('STACK_ENDPOINTS_INVALID');
    expect(failure.message).toContain(variable);
    expect(failure.message).not.toContain('secret');
  });
});

test('given replicas are named in their order and replace the started ones', () => {
  const given = readGivenEndpoints({ DATABASE_URL: DATABASE, DATABASE_REPLICA_URLS: REPLICAS });
  const merged = mergeEndpoints(STARTED, given);
  expect(Object.keys(merged.replicaUrls)).toEqual(['replica-1', 'replica-2']);
  expect(merged.databaseUrl).toBe(DATABASE);
  expect(merged.kafkaBrokers).toBe(STARTED.kafkaBrokers);
});

test('a service of a given database uses its own role where one is given, else the database as given', () => {
  const own = 'postgres://tradestream_worker:secret@db-1/trades';
  const given = readGivenEndpoints({ DATABASE_URL: DATABASE, TRADESTREAM_WORKER_DATABASE_URL: own });
  const { serviceUrls } = mergeEndpoints(STARTED, given);
  expect(serviceUrls.worker).toBe(own);
  expect(serviceUrls.gateway).toBe(DATABASE);
});

const STARTED: Endpoints = {
  kafkaBrokers: '127.0.0.1:1',
  schemaRegistryUrl: 'http://127.0.0.1:2',
  databaseUrl: 'postgresql://tradestream:p@127.0.0.1:3/tradestream',
  replicaUrls: { 'replica-1': 'postgresql://tradestream:p@127.0.0.1:4/tradestream' },
  redisUrl: 'redis://:p@127.0.0.1:5',
  serviceUrls: { worker: 'w', projector: 'p', gateway: 'g', monitor: 'm' },
};

function failureOf(work: () => unknown): StackError {
  try {
    work();
  } catch (error) {
    if (error instanceof StackError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
