import { MessagingError } from '../errors.ts';
import type { KafkaSettings } from './kafka-options.ts';
import { Cluster, type KafkajsBroker, type KafkajsCluster, type WireRequest } from './kafkajs-internals.ts';
import { kafkajsLogger } from './log-creator.ts';
import { TrackedSockets } from './tracked-sockets.ts';

const METADATA_AGE_MAX_MS = 300_000;
/** Within one connect or lookup only; what lasts longer is retried by whoever holds the client. */
const RETRY = { retries: 2, initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 };

/** The partitions of a topic and the node that leads each. */
export type TopicLeaders = ReadonlyMap<number, number>;

/**
 * The connections of one producer, subscription or reader. After a failure it is thrown away whole:
 * stale metadata, half-open sockets and kafkajs' own connection state go with it.
 */
export class KafkaClient {
  readonly #cluster: KafkajsCluster;
  readonly #sockets = new TrackedSockets();
  readonly #requestTimeoutMs: number;

  constructor(settings: KafkaSettings, clientId: string) {
    this.#requestTimeoutMs = settings.requestTimeoutMs;
    this.#cluster = new Cluster({
      brokers: settings.brokers,
      clientId,
      ssl: settings.ssl,
      sasl: settings.sasl,
      connectionTimeout: settings.connectTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      enforceRequestTimeout: true,
      metadataMaxAge: METADATA_AGE_MAX_MS,
      allowAutoTopicCreation: false,
      retry: RETRY,
      logger: kafkajsLogger(settings.log),
      socketFactory: this.#sockets.open,
    });
  }

  async connect(): Promise<void> {
    await this.#cluster.connect();
  }

  /** @throws {MessagingError} MSG_UNKNOWN_TOPIC, or what kafkajs throws */
  async leaders(topic: string): Promise<TopicLeaders> {
    await this.#cluster.addTargetTopic(topic);
    await this.#cluster.refreshMetadataIfNecessary();
    const partitions = this.#cluster.findTopicPartitionMetadata(topic);
    if (partitions.length === 0) throw new MessagingError('MSG_UNKNOWN_TOPIC', { context: { topic } });
    return new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader] as const));
  }

  /** Every node of the cluster. */
  async nodes(): Promise<readonly number[]> {
    await this.#cluster.refreshMetadataIfNecessary();
    return this.#cluster.getNodeIds().map(Number);
  }

  /** The newest version of a request that the node understands; -1 when it does not know it. */
  async versionMax(nodeId: number, apiKey: number): Promise<number> {
    const broker = await this.#cluster.findBroker({ nodeId });
    return broker.versions?.[apiKey]?.maxVersion ?? -1;
  }

  async coordinator(group: string): Promise<KafkajsBroker> {
    return await this.#cluster.findGroupCoordinator({ groupId: group });
  }

  /** Sends one request in wire form to a node. kafkajs rejects it when no answer comes in time. */
  async send<T>(nodeId: number, request: WireRequest<T>): Promise<T> {
    const broker = await this.#cluster.findBroker({ nodeId });
    return await broker.connectionPool.send({
      ...request,
      requestTimeout: Math.max(request.requestTimeout ?? 0, this.#requestTimeoutMs),
    });
  }

  /** Ends every connection now; what waits on them is rejected. */
  destroy(): void {
    this.#sockets.destroyAll('the client was closed');
  }
}
