import type { Endpoints, ServiceName } from '@tradestream/stack';
import { openKafkaProxy } from '../../support/kafka-proxy.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

/** How one service reaches the database and the broker: what is done to a way is done to that service alone. */
export type Way = AsyncDisposable & {
  readonly database: TcpProxy;
  readonly broker: TcpProxy;
  /** Database and broker as the service is told of them. */
  readonly env: Readonly<Record<string, string>>;
};

export async function openWay(endpoints: Endpoints, service: ServiceName): Promise<Way> {
  const database = await TcpProxy.before(endpoints.serviceUrls[service]);
  const broker = await openKafkaProxy(endpoints.kafkaBrokers);
  return {
    database: database.proxy,
    broker: broker.proxy,
    env: {
      [`TRADESTREAM_${service.toUpperCase()}_DATABASE_URL`]: database.url,
      KAFKA_BROKERS: broker.brokers,
    },
    [Symbol.asyncDispose]: async () => {
      await database.proxy[Symbol.asyncDispose]();
      await broker.proxy[Symbol.asyncDispose]();
    },
  };
}
