import { randomUUID } from 'node:crypto';
import {
  openSchemas,
  ownSchemaIds,
  type Schemas,
  type StoredSchema,
  type Topics,
  topicsWithPrefix,
  watchRegistry,
} from '@tradestream/contracts';
import type { DatabaseUsage } from '@tradestream/database';
import { type LogAdmin, type LogReader, type MessageLog, openKafka, type Producer } from '@tradestream/messaging';
import {
  errorOf,
  type Logger,
  type Readiness,
  RuntimeError,
  type Scope,
  untilAnswered,
  waitFor,
} from '@tradestream/runtime';
import type { WorkerConfig } from './config.ts';
import { LedgerLink } from './ownership/ledger-link.ts';

/** How the session of every worker is named on the server: a claim ends only sessions of this name. */
export const APPLICATION_NAME = 'tradestream-worker';
const REGISTRY_TIMEOUT_MS = 5_000;
/** Longest wait for a part that closes without anything of worth under way. */
const CLOSE_MS = 1_500;

/** What a worker is connected to, once all of it has answered. */
export type Connections = {
  readonly owner: string;
  readonly topics: Topics;
  readonly link: LedgerLink;
  readonly kafka: MessageLog;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly producer: Producer;
  readonly clusterId: string;
  readonly schemas: Schemas;
  readonly commandSchemaId: number;
  readonly eventSchemaId: number;
  /** Runs work until it succeeds, however long a part is away; readiness says what is waited for. */
  readonly waiting: <T>(part: string, work: () => Promise<T>) => Promise<T>;
};

export type ConnectionOptions = {
  readonly scope: Scope;
  readonly usage: DatabaseUsage;
  readonly log: Logger;
  readonly readiness: Readiness;
  /** Aborts when the worker is to stop: nothing is waited for any more. */
  readonly stopping: AbortSignal;
};

/** Connects to registry, broker and database, in that order, waiting for each as long as it takes. */
export async function openConnections(config: WorkerConfig, options: ConnectionOptions): Promise<Connections> {
  const { scope, usage, log, readiness, stopping } = options;
  const url = databaseUrl(config);
  const waiting: Connections['waiting'] = async (part, work) =>
    await untilAnswered(part, work, { log, readiness, signal: stopping });
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const link = scope.use(
    new LedgerLink({
      openSession: usage.openSession,
      url,
      applicationName: APPLICATION_NAME,
      statementTimeoutMs: config.TRADESTREAM_WORKER_STATEMENT_TIMEOUT_MS,
      commitTimeoutMs: config.TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS,
      readiness,
      log,
      signal: stopping,
    }),
  );
  const owner = `worker-${process.pid}-${randomUUID()}`;
  let connected = false;
  const kafka = await openKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: owner,
    log,
    onReachable: (part, reachable, detail) => {
      // These two are always at work; the others find out only when they are next asked that the broker is back.
      const name = ['consumer', 'producer'].find((each) => part.startsWith(each));
      if (name !== undefined) readiness.setMember('broker', name, reachable, detail);
      if (!connected) readiness.set('broker', reachable, detail);
    },
  });
  // Whatever it still waits for from a broker that is away is worth nothing by then.
  scope.defer('kafka', () => closeSoon(kafka.close(), { log, part: 'kafka' }));
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const ids = await waiting('registry', () =>
    ownSchemaIds({ schemas, askLedger: (text) => askLedger(link, text), log }),
  );
  scope.use(watchRegistry({ schemas, schemaId: ids.eventSchemaId, readiness, log }));
  const admin = await kafka.openAdmin();
  const reader = await kafka.openReader();
  const producer = await kafka.openProducer({ clientId: `${owner}-relay` });
  const clusterId = await waiting('broker', () => admin.clusterId());
  connected = true;
  await link.reopen();
  return { owner, topics, link, kafka, admin, reader, producer, clusterId, schemas, ...ids, waiting };
}

/** The link need not be open. @throws {DatabaseError} */
async function askLedger(link: LedgerLink, text: string): Promise<readonly StoredSchema[]> {
  const session = await link.openSession('schemas');
  try {
    return (await session.query<StoredSchema>({ text })).rows;
  } finally {
    await session.close();
  }
}

/** Waits for a part to close, but not long: nothing that matters hangs on it. */
export async function closeSoon(
  closed: Promise<void>,
  what: { readonly log: Logger; readonly part: string },
): Promise<void> {
  try {
    await waitFor(closed, { timeoutMs: CLOSE_MS, stage: `closing ${what.part}` });
  } catch (error) {
    what.log.warn({ error: errorOf(error), part: what.part }, 'close_cut_short');
  }
}

function databaseUrl(config: WorkerConfig): string {
  const url = config.TRADESTREAM_WORKER_DATABASE_URL || config.DATABASE_URL;
  if (url === '')
    throw new RuntimeError('RT_CONFIG_INVALID', { detail: 'set DATABASE_URL or TRADESTREAM_WORKER_DATABASE_URL' });
  return url;
}
