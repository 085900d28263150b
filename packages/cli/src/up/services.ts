import { join } from 'node:path';
import { endpointsFilePath, endpointsOfService, FRUGAL_NODE, type ServiceName, type Stack } from '@tradestream/stack';
import { codeRoot, projectRoot } from '../project-root.ts';

/** How one process of a service is started. */
export type ServicePlan = {
  readonly name: string;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly portVariable: string;
};

/** What a service may see of the environment besides its own settings: no owner's URL, no one else's secret. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'LOG_LEVEL', 'NODE_EXTRA_CA_CERTS', 'PGOPTIONS'] as const;
const SHARED = ['TRADESTREAM_TOPIC_PREFIX', 'TRADESTREAM_GROUP_PREFIX'] as const;

/** The processes of an installation: one gateway, monitor and projector, and as many workers as wanted. */
export function planServices(stack: Stack, workers: number): readonly ServicePlan[] {
  const names = Array.from({ length: workers }, (_, index) => planOf(stack, 'worker', `worker-${index + 1}`));
  return [
    ...names,
    planOf(stack, 'projector', 'projector-1'),
    planOf(stack, 'gateway', 'gateway'),
    planOf(stack, 'monitor', 'monitor'),
  ];
}

function planOf(stack: Stack, service: ServiceName, name: string): ServicePlan {
  const own = `TRADESTREAM_${service.toUpperCase()}_`;
  const { endpoints, tokens } = stack;
  const { databaseUrl, replicaUrls } = endpointsOfService(endpoints, service);
  const env: Record<string, string> = {
    ...FRUGAL_NODE.env,
    KAFKA_BROKERS: endpoints.kafkaBrokers,
    SCHEMA_REGISTRY_URL: endpoints.schemaRegistryUrl,
    [`${own}DATABASE_URL`]: databaseUrl === '' ? endpoints.databaseUrl : databaseUrl,
    // Most settings have one name for all; a listener beyond localhost is the operator's to set.
    ...fromEnvironment((variable) => variable.startsWith(own)),
    ...fromEnvironment((variable) => [...INHERITED, ...SHARED].some((known) => known === variable)),
  };
  const replicas = Object.values(replicaUrls).join(',');
  if (service === 'gateway' && replicas !== '') env[`${own}DATABASE_REPLICA_URLS`] = replicas;
  if (service === 'monitor') {
    if (replicas !== '') env[`${own}DATABASE_REPLICA_URLS`] = replicas;
    env['REDIS_URL'] = endpoints.redisUrl;
    env[`${own}SERVICES_FILE`] = endpointsFilePath(projectRoot());
    env[`${own}READER_TOKEN`] = tokens.reader;
    env[`${own}OPERATOR_TOKEN`] = tokens.operator;
    env[`${own}ADMIN_TOKEN`] = tokens.admin;
  }
  const script = join(codeRoot(), 'services', service, 'src', 'main.ts');
  return { name, script, env, portVariable: `${own}HTTP_PORT` };
}

function fromEnvironment(isWanted: (variable: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && isWanted(entry[0]),
    ),
  );
}
