import { waitFor } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import type { MessageLog } from '../ports.ts';
import { KafkaAdmin } from './admin.ts';
import { ClientSource } from './client-source.ts';
import { type KafkaOptions, withDefaults } from './kafka-options.ts';
import { KafkaProducer } from './producer.ts';
import { KafkaReader } from './reader.ts';
import { KafkaSubscription } from './subscription.ts';

/**
 * A Kafka cluster (brokers 2.3 to 4.x) behind the port. Resolves at once, with no broker contacted:
 * `ready` waits for one, and every part keeps trying with growing pauses while there is none, tells
 * `onReachable`, and goes on where it was when the cluster is back.
 */
export async function openKafka(options: KafkaOptions): Promise<MessageLog> {
  const settings = withDefaults(options);
  const parts = new Set<{ close(): Promise<void> }>();
  const kept = <T extends { close(): Promise<void> }>(part: T): T => {
    parts.add(part);
    return part;
  };
  const source = (clientId: string, part: string) => new ClientSource(settings, { clientId, part });
  return {
    ready: async ({ signal } = {}) => {
      const waiting = source(settings.clientId, 'cluster');
      try {
        await waitFor(waiting.get(), { signal, stage: 'waiting for the cluster' });
        waiting.works();
      } catch (cause) {
        if (signal?.aborted !== true) throw cause;
        throw new MessagingError('MSG_ABORTED', { cause, context: { brokers: settings.brokers.join(',') } });
      } finally {
        waiting.close();
      }
    },
    openProducer: async ({ clientId }) => kept(new KafkaProducer(source(clientId, `producer ${clientId}`))),
    subscribe: async (subscribeOptions, handler) => {
      const { clientId, group } = subscribeOptions;
      return kept(new KafkaSubscription(source(clientId, `consumer ${group}`), subscribeOptions, handler));
    },
    openAdmin: async () => kept(new KafkaAdmin(settings, source(`${settings.clientId}-admin`, 'admin'))),
    openReader: async () => kept(new KafkaReader(source(`${settings.clientId}-reader`, 'reader'))),
    close: async () => {
      await Promise.all([...parts].map(async (part) => await part.close()));
    },
  };
}
