import { openSchemas, ownSchemaIds, type StoredSchema, type Topics, watchRegistry } from '@tradestream/contracts';
import { type DatabaseUsage, isAccessRefused, type Statement } from '@tradestream/database';
import { MessagingError, openKafka, type Producer } from '@tradestream/messaging';
import { type Closeable, type Logger, PartWatch, type Readiness, Scope } from '@tradestream/runtime';
import { databasesOf, type GatewayConfig } from './config.ts';
import { Late } from './http/late.ts';
import { openReads, type Reads } from './reads/open-reads.ts';
import { ReceiptStore } from './receipts/receipt-store.ts';

const CLIENT_ID = 'tradestream-gateway';
const REGISTRY_TIMEOUT_MS = 5_000;
/** So long it may be unknown who is primary, before a reader of receipts is told so. */
const PRIMARY_MS = 2_000;

type About = {
  readonly usage: DatabaseUsage;
  /** Ends the gateway: for a failure that only a new start can mend. */
  readonly fail: (error: Error) => void;
  readonly config: GatewayConfig;
  readonly topics: Topics;
  readonly log: Logger;
  readonly readiness: Readiness;
};

/** The id of the schema that commands are written with, once the registry has told it, or the ledger. */
export async function openRegistry(
  about: About & { readonly reads: () => Reads },
): Promise<Late<Closeable & { readonly commandSchemaId: number }>> {
  const { config, topics, reads, log, readiness } = about;
  const askLedger = async (text: string) => {
    const { results } = await reads().snapshot([{ text }], { readPreference: 'nearest', timeoutMs: PRIMARY_MS });
    return (results[0]?.rows ?? []) as readonly StoredSchema[]; // the statement says what its rows are
  };
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  return new Late({
    part: 'registry',
    code: 'REGISTRY_UNAVAILABLE',
    readiness,
    log,
    open: async () => {
      const { commandSchemaId } = await ownSchemaIds({ schemas, askLedger, log });
      const watch = watchRegistry({ schemas, schemaId: commandSchemaId, readiness, log });
      return { commandSchemaId, close: async () => await watch.close() };
    },
  });
}

/** A producer on a cluster that answered and has the commands topic. */
export function openBroker(about: About): Late<Closeable & { readonly producer: Producer }> {
  const { config, topics, log, readiness } = about;
  const open = async (signal: AbortSignal) => {
    const connection = new Scope();
    try {
      const onReachable = (_part: string, isReachable: boolean, detail: string) => {
        if (!isReachable) readiness.set('broker', false, detail);
      };
      const options = { brokers: config.KAFKA_BROKERS, clientId: CLIENT_ID, log, onReachable };
      const kafka = connection.use(await openKafka(options));
      await kafka.ready({ signal });
      const admin = connection.use(await kafka.openAdmin());
      const producer = connection.use(await kafka.openProducer({ clientId: CLIENT_ID }));
      const check = async () => {
        if ((await admin.partitionCount(topics.commands)) !== null) return;
        throw new MessagingError('MSG_UNKNOWN_TOPIC', { context: { topic: topics.commands } });
      };
      await check();
      connection.use(new PartWatch({ part: 'broker', check, readiness, log }));
      return { producer, close: () => connection.close() };
    } catch (error) {
      await connection.close();
      throw error;
    }
  };
  return new Late({ part: 'broker', code: 'BROKER_UNAVAILABLE', readiness, log, open });
}

/** The nodes that answer reads, and the receipts on the primary. */
export function openDatabase(about: About): Late<Closeable & { readonly reads: Reads; readonly store: ReceiptStore }> {
  const { config, topics, usage, fail, log, readiness } = about;
  const databases = databasesOf(config);
  const open = async () => {
    const connection = new Scope();
    const connectionsMax = config.TRADESTREAM_GATEWAY_POOL_MAX;
    const lagMsMax = config.TRADESTREAM_GATEWAY_LAG_MS_MAX;
    const reads = connection.use(openReads(databases, { connectionsMax, lagMsMax, usage, log }));
    connection.defer('usage', usage.watch(reads));
    const store = new ReceiptStore((statement) => queryPrimary(reads, statement), topics.commands);
    try {
      await store.loadReceipts([]);
      const check = async () => void (await queryPrimary(reads, { text: 'SELECT 1' }));
      connection.use(new PartWatch({ part: 'database', check, readiness, log }));
      return { reads, store, close: () => connection.close() };
    } catch (error) {
      await connection.close();
      // Once it was let in, a password that is changed is waited for.
      if (isAccessRefused(error)) fail(error);
      throw error;
    }
  };
  return new Late({ part: 'database', code: 'DATABASE_UNAVAILABLE', readiness, log, open });
}

/** The rows of one statement, as whoever is primary shows them now. */
async function queryPrimary<Row extends object>(reads: Reads, statement: Statement): Promise<readonly Row[]> {
  const { results } = await reads.snapshot([statement], { readPreference: 'primary', timeoutMs: PRIMARY_MS });
  return (results[0]?.rows ?? []) as readonly Row[]; // the statement says what its rows are
}
