import { openSchemas, type Topics } from '@tradestream/contracts';
import { MessagingError, openKafka, type Producer } from '@tradestream/messaging';
import { type Closeable, type Logger, type Readiness, Scope } from '@tradestream/runtime';
import { databasesOf, type GatewayConfig } from './config.ts';
import { Late } from './http/late.ts';
import { PartWatch } from './http/part-watch.ts';
import { DatabaseNodes } from './reads/open-nodes.ts';
import { ReceiptStore } from './receipts/receipt-store.ts';

const CLIENT_ID = 'tradestream-gateway';
const REGISTRY_TIMEOUT_MS = 5_000;

type About = {
  readonly config: GatewayConfig;
  readonly topics: Topics;
  readonly log: Logger;
  readonly readiness: Readiness;
};

/** The id of the schema that commands are written with, once the registry has told it. */
export async function openRegistry(about: About): Promise<Late<Closeable & { readonly commandSchemaId: number }>> {
  const { config, topics, log, readiness } = about;
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  return new Late({
    part: 'registry',
    code: 'REGISTRY_UNAVAILABLE',
    readiness,
    log,
    open: async () => ({ ...(await schemas.register()), close: async () => undefined }),
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
export function openDatabase(
  about: About,
): Late<Closeable & { readonly nodes: DatabaseNodes; readonly store: ReceiptStore }> {
  const { config, topics, log, readiness } = about;
  const databases = databasesOf(config);
  const open = async () => {
    const connection = new Scope();
    const sessionsMax = config.TRADESTREAM_GATEWAY_POOL_MAX;
    const lagMsMax = config.TRADESTREAM_GATEWAY_LAG_MS_MAX;
    const nodes = connection.use(new DatabaseNodes(databases, { sessionsMax, lagMsMax, log }));
    const store = new ReceiptStore((statement) => nodes.primary.query(statement), topics.commands);
    try {
      await store.loadReceipts([]);
      const check = async () => {
        await nodes.primary.query({ text: 'SELECT 1' });
      };
      connection.use(new PartWatch({ part: 'database', check, readiness, log }));
      return { nodes, store, close: () => connection.close() };
    } catch (error) {
      await connection.close();
      throw error;
    }
  };
  return new Late({ part: 'database', code: 'DATABASE_UNAVAILABLE', readiness, log, open });
}
