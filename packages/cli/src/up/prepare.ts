import { join } from 'node:path';
import { openSchemas, topicsWithPrefix } from '@tradestream/contracts';
import { migrate } from '@tradestream/database';
import { openKafka } from '@tradestream/messaging';
import { type Logger, Scope } from '@tradestream/runtime';
import type { Endpoints } from '@tradestream/stack';
import { codeRoot } from '../project-root.ts';

const PARTITIONS = 6;
const REGISTRY_TIMEOUT_MS = 10_000;
/** The topics are the record of what was asked and what came of it; what expires is the operator's choice. */
const KEPT = { 'retention.ms': '-1', 'cleanup.policy': 'delete' } as const;

/** Makes tables, topics and schemas that are not there; what is there is checked and left as it is. */
export async function prepare(endpoints: Endpoints, log: Logger): Promise<void> {
  for (const schema of ['ledger', 'views', 'monitor']) {
    await migrate({ url: endpoints.databaseUrl, folder: join(codeRoot(), 'schemas', 'sql', schema), schema, log });
  }
  const topics = topicsWithPrefix(process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '');
  await using scope = new Scope();
  const brokers = endpoints.kafkaBrokers.split(',');
  const kafka = scope.use(await openKafka({ brokers, clientId: 'tradestream-up', log }));
  const admin = scope.use(await kafka.openAdmin());
  const wanted = Object.values(topics);
  await admin.createTopics(wanted.map((topic) => ({ topic, partitions: PARTITIONS, config: KEPT })));
  const schemas = await openSchemas({ url: endpoints.schemaRegistryUrl, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  await schemas.register();
}
