import { readEndpoints } from '@tradestream/stack';
import { CliFailure } from './output/exit-code.ts';
import { projectRoot } from './project-root.ts';

/** The parts that a tool looks at itself, without the gateway. */
export type PartEndpoints = {
  readonly kafkaBrokers: string;
  readonly schemaRegistryUrl: string;
  readonly databaseUrl: string;
  readonly replicaUrls: Readonly<Record<string, string>>;
  readonly redisUrl: string;
};

/**
 * Each part as the environment names it, else as the installation that runs in this checkout does.
 * @throws {CliFailure} when neither names Kafka and the database
 */
export function findEndpoints(env: NodeJS.ProcessEnv): PartEndpoints {
  const running = readEndpoints(projectRoot());
  const given = (variable: string) => (env[variable] === '' ? undefined : env[variable]);
  const databaseUrl = given('DATABASE_URL') ?? running?.databaseUrl;
  const kafkaBrokers = given('KAFKA_BROKERS') ?? running?.kafkaBrokers;
  if (databaseUrl === undefined || kafkaBrokers === undefined) {
    throw new CliFailure(
      'nothing runs in this checkout: start it with `npm start`, or set KAFKA_BROKERS and DATABASE_URL',
    );
  }
  const isRunning = given('DATABASE_URL') === undefined;
  const replicas = given('DATABASE_REPLICA_URLS')?.split(',') ?? [];
  return {
    kafkaBrokers,
    databaseUrl,
    schemaRegistryUrl: given('SCHEMA_REGISTRY_URL') ?? running?.schemaRegistryUrl ?? '',
    replicaUrls: isRunning
      ? (running?.replicaUrls ?? {})
      : Object.fromEntries(replicas.map((url, index) => [`replica-${index + 1}`, url.trim()])),
    redisUrl: given('REDIS_URL') ?? running?.redisUrl ?? '',
  };
}
