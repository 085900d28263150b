import { list, text, url } from '@tradestream/runtime';

const PREFIX = { fallback: '', pattern: /^[A-Za-z0-9._-]{0,80}$/ } as const;

/** Where the log and its schemas are: settings of every service. */
export const LOG_SETTINGS = {
  KAFKA_BROKERS: list({ doc: 'bootstrap brokers, `host:port` separated by commas' }),
  SCHEMA_REGISTRY_URL: url(['http', 'https'], { doc: 'registry with the Confluent API' }),
  TRADESTREAM_TOPIC_PREFIX: text({ doc: 'put before each topic name', ...PREFIX }),
} as const;

/** Further settings of a service that joins consumer groups, or watches them. */
export const GROUP_SETTINGS = {
  TRADESTREAM_GROUP_PREFIX: text({ doc: 'put before each consumer group name', ...PREFIX }),
} as const;
