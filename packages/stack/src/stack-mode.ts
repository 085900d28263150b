import { StackError } from './errors.ts';
import {
  type Endpoints,
  type PartName,
  REPLICA_NAMES,
  SERVICE_NAMES,
  type ServiceName,
  type StackMode,
} from './stack.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Endpoints of parts that someone else runs; null for those that are to be started. */
export type GivenEndpoints = {
  readonly kafkaBrokers: string | null;
  readonly schemaRegistryUrl: string | null;
  readonly databaseUrl: string | null;
  readonly replicaUrls: Readonly<Record<string, string>>;
  readonly redisUrl: string | null;
  readonly serviceUrls: Readonly<Partial<Record<ServiceName, string>>>;
};

/** @throws {StackError} STACK_ENDPOINTS_INVALID, naming the variable and never its value */
export function readGivenEndpoints(env: Environment): GivenEndpoints {
  const replicaUrls = splitList(env['DATABASE_REPLICA_URLS']);
  if (replicaUrls.length > REPLICA_NAMES.length) {
    throw new StackError('STACK_ENDPOINTS_INVALID', {
      context: { variable: 'DATABASE_REPLICA_URLS', count: replicaUrls.length, countMax: REPLICA_NAMES.length },
    });
  }
  const databaseUrl = readUrl(env, 'DATABASE_URL', ['postgresql:', 'postgres:']);
  if (databaseUrl === null && replicaUrls.length > 0) {
    throw new StackError('STACK_ENDPOINTS_INVALID', {
      context: { variable: 'DATABASE_REPLICA_URLS', needs: 'DATABASE_URL' },
    });
  }
  const serviceUrls: Partial<Record<ServiceName, string>> = {};
  for (const name of SERVICE_NAMES) {
    const given = readUrl(env, `TRADESTREAM_${name.toUpperCase()}_DATABASE_URL`, ['postgresql:', 'postgres:']);
    if (given !== null) serviceUrls[name] = given;
  }
  for (const url of replicaUrls) requireUrl('DATABASE_REPLICA_URLS', url, ['postgresql:', 'postgres:']);
  const brokers = env['KAFKA_BROKERS'];
  return {
    kafkaBrokers: brokers === undefined || brokers === '' ? null : brokers,
    schemaRegistryUrl: readUrl(env, 'SCHEMA_REGISTRY_URL', ['http:', 'https:']),
    databaseUrl,
    replicaUrls: Object.fromEntries(replicaUrls.map((url, index) => [REPLICA_NAMES[index] ?? '', url])),
    redisUrl: readUrl(env, 'REDIS_URL', ['redis:', 'rediss:']),
    serviceUrls,
  };
}

/**
 * How the parts that are not given come to be: TRADESTREAM_STACK, else embedded; `given` when none is left.
 * @throws {StackError} STACK_ENDPOINTS_INVALID
 */
export function chooseMode(env: Environment, partsToStart: readonly PartName[]): StackMode {
  const wanted = env['TRADESTREAM_STACK'];
  if (wanted !== undefined && wanted !== '' && wanted !== 'embedded' && wanted !== 'containers') {
    throw new StackError('STACK_ENDPOINTS_INVALID', {
      context: { variable: 'TRADESTREAM_STACK', allowed: 'embedded, containers' },
    });
  }
  if (partsToStart.length === 0) return 'given';
  return wanted === 'containers' ? 'containers' : 'embedded';
}

/** The wanted parts less the given ones. A given database comes with all its replicas. */
export function choosePartsToStart(wanted: readonly PartName[], given: GivenEndpoints): readonly PartName[] {
  const isGiven = (part: PartName): boolean => {
    switch (part) {
      case 'kafka':
        return given.kafkaBrokers !== null;
      case 'registry':
        return given.schemaRegistryUrl !== null;
      case 'redis':
        return given.redisUrl !== null;
      case 'primary':
      case 'replica-1':
      case 'replica-2':
      case 'replica-3':
        return given.databaseUrl !== null;
    }
  };
  return wanted.filter((part) => !isGiven(part));
}

/** What is given, over what was started. */
export function mergeEndpoints(started: Endpoints, given: GivenEndpoints): Endpoints {
  const databaseUrl = given.databaseUrl ?? started.databaseUrl;
  const ownUrl = (name: ServiceName) =>
    given.serviceUrls[name] ?? (given.databaseUrl === null ? started.serviceUrls[name] : databaseUrl);
  return {
    kafkaBrokers: given.kafkaBrokers ?? started.kafkaBrokers,
    schemaRegistryUrl: given.schemaRegistryUrl ?? started.schemaRegistryUrl,
    databaseUrl,
    replicaUrls: given.databaseUrl === null ? started.replicaUrls : given.replicaUrls,
    redisUrl: given.redisUrl ?? started.redisUrl,
    serviceUrls: {
      worker: ownUrl('worker'),
      projector: ownUrl('projector'),
      gateway: ownUrl('gateway'),
      monitor: ownUrl('monitor'),
    },
  };
}

function readUrl(env: Environment, variable: string, protocols: readonly string[]): string | null {
  const value = env[variable];
  if (value === undefined || value === '') return null;
  requireUrl(variable, value, protocols);
  return value;
}

function requireUrl(variable: string, value: string, protocols: readonly string[]): void {
  if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return;
  throw new StackError('STACK_ENDPOINTS_INVALID', {
    context: { variable, expected: `a URL of ${protocols.join(' or ')}//` },
  });
}

function splitList(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
