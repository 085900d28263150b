import { topicsWithPrefix } from '@tradestream/contracts';
import { DatabaseUsage } from '@tradestream/database';
import { type Closeable, openHttp, Scope, type ServiceContext } from '@tradestream/runtime';
import { CommandPublisher } from './commands/command-publisher.ts';
import { addCommandRoutes } from './commands/command-routes.ts';
import { LIMITS } from './commands/read-command-text.ts';
import type { GatewayConfig } from './config.ts';
import { openBroker, openDatabase, openRegistry } from './dependencies.ts';
import { addOpenApi } from './http/openapi.ts';
import { acceptBodies } from './http/request-body.ts';
import { addViewRoutes } from './reads/view-routes.ts';
import { addReceiptRoutes } from './receipts/receipt-routes.ts';
import { ReceiptWatch } from './receipts/receipt-watch.ts';

/** Opens the gateway: it listens at once, and says 503 with a reason for what is not there yet. */
export async function composeGateway(config: GatewayConfig, context: ServiceContext): Promise<Closeable> {
  const { log, metrics, readiness, fail } = context;
  const scope = new Scope();
  const topics = topicsWithPrefix(config.TRADESTREAM_TOPIC_PREFIX);
  const usage = new DatabaseUsage(metrics);
  const about = { config, topics, usage, fail, log, readiness };
  const broker = scope.use(openBroker(about));
  const database = scope.use(openDatabase(about));
  const registry = scope.use(await openRegistry({ ...about, reads: () => database.get().reads }));
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
  acceptBodies(http.app, {
    jsonBytesMax: LIMITS.batchBytesMax,
    timeoutMs: config.TRADESTREAM_GATEWAY_BODY_TIMEOUT_MS,
  });
  await addOpenApi(http.app, { needsToken: config.TRADESTREAM_GATEWAY_HTTP_TOKEN !== '' });
  addCommandRoutes(http.app, { publisher, receipts, topic: topics.commands });
  addReceiptRoutes(http.app, { receipts, receiptStore: () => database.get().store });
  addViewRoutes(http.app, { reads: () => database.get().reads, log });
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
