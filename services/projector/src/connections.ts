import { randomUUID } from 'node:crypto';
import {
  openSchemas,
  ownSchemaIds,
  type StoredSchema,
  type Topics,
  topicsWithPrefix,
  watchRegistry,
} from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import { type LogAdmin, type MessageLog, openKafka } from '@tradestream/messaging';
import { type Scope, type ServiceContext, untilAnswered } from '@tradestream/runtime';
import type { ProjectorConfig } from './config.ts';
import { EventReader } from './event-reader.ts';
import { ask, withLedger } from './ledger-schemas.ts';

const REGISTRY_TIMEOUT_MS = 5_000;

/** What a projector is connected to, once it has answered; the database is waited for by the projecting itself. */
export type Connections = {
  readonly topics: Topics;
  readonly clientId: string;
  readonly kafka: MessageLog;
  readonly admin: LogAdmin;
  readonly reader: EventReader;
  /** Runs work until it succeeds, however long a part is away; readiness says what is waited for. */
  readonly waiting: <T>(part: string, work: () => Promise<T>) => Promise<T>;
};

export type ConnectionOptions = {
  readonly scope: Scope;
  readonly context: ServiceContext;
  /** A connection to where the ledger should be. */
  readonly openLedger: () => Promise<Session>;
};

/** Connects to registry and broker, in that order, waiting for each as long as it takes. */
export async function openConnections(
  config: ProjectorConfig,
  { scope, context, openLedger }: ConnectionOptions,
): Promise<Connections> {
  const { log, readiness, stopping: signal } = context;
  const waiting: Connections['waiting'] = async (part, work) =>
    await untilAnswered(part, work, { log, readiness, signal });
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const clientId = `projector-${process.pid}-${randomUUID()}`;
  const kafka = scope.use(
    await openKafka({
      brokers: config.KAFKA_BROKERS,
      clientId,
      log,
      onReachable: (part, isReachable, detail) =>
        readiness.setMember('broker', part.split(' ')[0] ?? part, isReachable, detail),
    }),
  );
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const reader = new EventReader(withLedger(schemas, openLedger));
  const schemaId = await waiting('registry', async () => {
    const askLedger = async (text: string) => await ask<StoredSchema>(openLedger, text);
    const own = await ownSchemaIds({ schemas, askLedger, log });
    await reader.learn(own.eventSchemaId);
    return own.eventSchemaId;
  });
  scope.use(watchRegistry({ schemas, schemaId, readiness, log }));
  const admin = scope.use(await waiting('broker', () => kafka.openAdmin()));
  await waiting('broker', () => admin.clusterId());
  return { topics, clientId, kafka, admin, reader, waiting };
}
