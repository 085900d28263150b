// A service that publishes trade commands to its own Kafka and moves on: the outcome comes later,
// as a receipt under the command's id. Run: node packages/client/examples/publish-from-another-service.ts
import { openTradestream } from '@tradestream/client';
import { parseAmount } from '@tradestream/trading';

const tradestream = await openTradestream({
  brokers: (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','),
  registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? 'http://127.0.0.1:8081/apis/ccompat/v7',
  gatewayUrl: process.env['TRADESTREAM_GATEWAY_URL'] ?? 'http://127.0.0.1:8080',
  topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
  clientId: 'settlement-service',
});
try {
  // The id is made before anything is sent. Keep it: the same command sent again under it, after a
  // crash or a timeout, has no second effect.
  const published = await tradestream.publish({
    command: { type: 'DepositFunds', userId: 'alice', asset: 'USD', amount: parseAmount('250.75') ?? 0n },
  });
  process.stdout.write(`${JSON.stringify(published)}\n`);
} finally {
  await tradestream.close();
}
