import { join } from 'node:path';
import { topicsWithPrefix } from '@tradestream/contracts';
import { openSession, type Session } from '@tradestream/database';
import { openKafka } from '@tradestream/messaging';
import { createLogger, Scope } from '@tradestream/runtime';
import type { PartEndpoints } from '../find-endpoints.ts';
import { examineHost } from './examine-host.ts';
import { examineKafka } from './examine-kafka.ts';
import { examinePrimary } from './examine-primary.ts';
import { examineRedis } from './examine-redis.ts';
import { examineRegistry } from './examine-registry.ts';
import { examineReplica } from './examine-replica.ts';
import { examineTables } from './examine-tables.ts';
import { examinePart, type Finding } from './finding.ts';

export type ExamineOptions = {
  readonly topicPrefix: string;
  readonly groupPrefix: string;
  /** Where the SQL and Avro schemas of this release are: the project's root. */
  readonly root: string;
};

const CONNECT_TIMEOUT_MS = 5_000;

/** Looks at every part; changes nothing. A part that is away is a finding. */
export async function examine(endpoints: PartEndpoints, options: ExamineOptions): Promise<readonly Finding[]> {
  const { topicPrefix, groupPrefix, root } = options;
  const topics = topicsWithPrefix(topicPrefix);
  await using scope = new Scope();
  const open = async (url: string) =>
    scope.use(await openSession({ url, applicationName: 'tradestream-doctor', connectTimeoutMs: CONNECT_TIMEOUT_MS }));

  const host = await examinePart('host', '', async (findings) => examineHost(findings, [root]));
  let session: Session | null = null;
  const primary = await examinePart(
    'primary',
    'see that PostgreSQL runs and that DATABASE_URL names it',
    async (findings) => {
      session = await open(endpoints.databaseUrl);
      await examinePrimary(findings, session);
      await examineTables(findings, session, join(root, 'schemas', 'sql'));
    },
  );
  const replicas: Finding[] = [];
  for (const [name, url] of Object.entries(endpoints.replicaUrls)) {
    const mend = 'start it, or take it out of DATABASE_REPLICA_URLS: reads go to the others meanwhile';
    const found = await examinePart(name, mend, async (findings) => {
      if (session !== null) await examineReplica(findings, await open(url), session);
    });
    replicas.push(...found);
  }
  const kafka = await examinePart(
    'kafka',
    'see that the broker runs and that KAFKA_BROKERS and its advertised address can be reached',
    async (findings) => {
      const log = createLogger({ service: 'doctor', level: 'silent' });
      const cluster = scope.use(
        await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'tradestream-doctor', log }),
      );
      const admin = scope.use(await cluster.openAdmin());
      const reader = scope.use(await cluster.openReader());
      await examineKafka(findings, { admin, reader, session, topics, workerGroup: `${groupPrefix}transaction-worker` });
    },
  );
  const registry = await examinePart(
    'registry',
    'see that the registry runs and that SCHEMA_REGISTRY_URL names its Confluent interface',
    async (findings) => {
      await examineRegistry(findings, {
        url: endpoints.schemaRegistryUrl,
        topics,
        schemaFolder: join(root, 'schemas', 'avro'),
        session,
      });
    },
  );
  const redis = await examinePart(
    'redis',
    'see that Redis runs and that REDIS_URL names it; jobs run inline meanwhile',
    async (findings) => {
      await examineRedis(findings, endpoints.redisUrl);
    },
  );
  return [...host, ...primary, ...replicas, ...kafka, ...registry, ...redis];
}
