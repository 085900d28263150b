import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '@tradestream/runtime';
import type { SASLOptions } from 'kafkajs';

export type KafkaOptions = {
  /** `host:port` of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Logger;
  /** TLS settings as node:tls takes them; absent: plain. */
  readonly ssl?: ConnectionOptions;
  /** SASL settings as kafkajs takes them (`{mechanism, username, password}`); absent: none. */
  readonly sasl?: SASLOptions;
  /** Longest wait for a connection, ms; default 3,000. */
  readonly connectTimeoutMs?: number;
  /** Longest wait for an answer, ms; then the connections are dropped and made anew; default 10,000. */
  readonly requestTimeoutMs?: number;
  /** Longest time from `send` to the acknowledgement, ms; then MSG_UNDELIVERED; default 30,000. */
  readonly deliveryTimeoutMs?: number;
  /** Most bytes of one batch of one partition; default 1,000,000, just below the broker's default limit. */
  readonly batchBytesMax?: number;
  /** Most bytes that may wait in one producer; then MSG_BUFFER_FULL; default 64 MiB. */
  readonly bufferBytesMax?: number;
  /** Longest duration of an administrative call, ms, retries included; default 15,000. */
  readonly adminTimeoutMs?: number;
  /** Told when a part (`producer <clientId>`, `consumer <group>` ...) loses the cluster and when it has it again. */
  readonly onReachable?: (part: string, reachable: boolean, detail: string) => void;
};

/** The same with every default filled in. */
export type KafkaSettings = Required<Omit<KafkaOptions, 'ssl' | 'sasl'>> & Pick<KafkaOptions, 'ssl' | 'sasl'>;

export function withDefaults(options: KafkaOptions): KafkaSettings {
  return {
    connectTimeoutMs: 3_000,
    requestTimeoutMs: 10_000,
    deliveryTimeoutMs: 30_000,
    batchBytesMax: 1_000_000,
    bufferBytesMax: 64 * 1024 * 1024,
    adminTimeoutMs: 15_000,
    onReachable: () => undefined,
    ...options,
  };
}
