// Write, then read what was written, from a replica: the session remembers what it has seen and no
// node that shows less may answer. Run: node packages/client/examples/read-your-writes.ts
import { openTradestream } from '@tradestream/client';
import { formatAmount, parseAmount } from '@tradestream/trading';

const tradestream = await openTradestream({
  brokers: (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','),
  registryUrl: process.env['SCHEMA_REGISTRY_URL'] ?? 'http://127.0.0.1:8081/apis/ccompat/v7',
  gatewayUrl: process.env['TRADESTREAM_GATEWAY_URL'] ?? 'http://127.0.0.1:8080',
  topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
});
try {
  const session = tradestream.session();
  const amount = parseAmount('100') ?? 0n;
  const receipt = await tradestream.execute(
    { command: { type: 'DepositFunds', userId: 'alice', asset: 'USD', amount } },
    { session },
  );
  const { balances } = await session.balances('alice', { preference: 'secondary' });
  const [usd] = balances.filter(({ asset }) => asset === 'USD');
  process.stdout.write(
    `${receipt.outcome} ${formatAmount(amount)}; ${session.servedBy ?? 'a node'} shows ${usd?.available ?? '0'} USD\n`,
  );
} finally {
  await tradestream.close();
}
