import { openSchemas, topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import { type Closeable, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { CommandPublisher } from './commands/command-publisher.ts';
import { addCommandRoutes } from './commands/command-routes.ts';
import { LIMITS } from './commands/read-command-text.ts';
import { databasesOf, type GatewayConfig } from './config.ts';
import { Late } from './http/late.ts';
import { addOpenApi } from './http/openapi.ts';
import { acceptBodies } from './http/request-body.ts';
import { DatabaseNodes } from './reads/open-nodes.ts';
import { addViewRoutes } from './reads/view-routes.ts';
import { addReceiptRoutes } from './receipts/receipt-routes.ts';
import { ReceiptStore } from './receipts/receipt-store.ts';
import { ReceiptWatch } from './receipts/receipt-watch.ts';

const CLIENT_ID = 'tradestream-gateway';
const REGISTRY_TIMEOUT_MS = 5_000;

/** Opens the gateway: it listens at once, and says 503 with a reason for what is not there yet. */
export async function composeGateway(config: GatewayConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness } = context;
  const scope = new Scope();
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const parts = { log, readiness };
  const databases = databasesOf(config);
  const schemas = await openSchemas({ url: config.SCHEMA_REGISTRY_URL, log, timeoutMs: REGISTRY_TIMEOUT_MS, topics });
  const registry = scope.use(
    new Late({
      ...parts,
      part: 'registry',
      code: 'REGISTRY_UNAVAILABLE',
      open: async () => ({ ...(await schemas.register()), close: async () => undefined }),
    }),
  );
  const broker = scope.use(
    new Late({
      ...parts,
      part: 'broker',
      code: 'BROKER_UNAVAILABLE',
      open: async () => {
        const connection = new Scope();
        try {
          const kafka = connection.use(await openKafka({ brokers: config.KAFKA_BROKERS, clientId: CLIENT_ID, log }));
          const producer = connection.use(await kafka.openProducer({ clientId: CLIENT_ID }));
          return { producer, close: () => connection.close() };
        } catch (error) {
          await connection.close();
          throw error;
        }
      },
    }),
  );
  const database = scope.use(
    new Late({
      ...parts,
      part: 'database',
      code: 'DATABASE_UNAVAILABLE',
      open: async () => {
        const nodes = new DatabaseNodes(databases, { sessionsMax: config.TRADESTREAM_GATEWAY_POOL_MAX, log });
        const store = new ReceiptStore((statement) => nodes.primary.query(statement), topics.commands);
        try {
          await store.loadReceipts([]);
          return { nodes, store, close: () => nodes.close() };
        } catch (error) {
          await nodes.close();
          throw error;
        }
      },
    }),
  );
  const publisher = new CommandPublisher({
    producer: () => broker.get().producer,
    schemaId: () => registry.get().commandSchemaId,
    topic: topics.commands,
    outstandingMax: config.TRADESTREAM_GATEWAY_OUTSTANDING_MAX,
    publishTimeoutMs: config.TRADESTREAM_GATEWAY_PUBLISH_TIMEOUT_MS,
    metrics,
    readiness,
    log,
  });
  const receipts = scope.use(new ReceiptWatch(() => database.get().store, log));
  const http = scope.use(
    openHttp({
      host: config.TRADESTREAM_GATEWAY_HTTP_HOST,
      port: config.TRADESTREAM_GATEWAY_HTTP_PORT,
      log,
      metrics,
      readiness,
      bodyBytesMax: LIMITS.batchBytesMax,
      // A stream of commands may take as long as it likes; `acceptBodies` bounds all else.
      requestTimeoutMs: 0,
      token: config.TRADESTREAM_GATEWAY_HTTP_TOKEN,
    }),
  );
  acceptBodies(http.app, { jsonBytesMax: LIMITS.batchBytesMax });
  await addOpenApi(http.app);
  addCommandRoutes(http.app, { publisher, receipts, topic: topics.commands });
  addReceiptRoutes(http.app, { receipts, receiptStore: () => database.get().store });
  addViewRoutes(http.app, { nodes: () => database.get().nodes, log });
  log.info({ url: await http.listen() }, 'http_listening');
  scope.defer('drain', async () => {
    publisher.shut();
    // Requests under way have this long; then those that wait are told so, and streams are cut.
    const limit = setTimeout(() => {
      void receipts.close();
      http.app.server.closeAllConnections();
    }, config.TRADESTREAM_GATEWAY_DRAIN_MS);
    await http.close();
    clearTimeout(limit);
  });
  return scope;
}
