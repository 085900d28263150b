import { LOG_SETTINGS } from '@tradestream/contracts';
import { type ConfigOf, int, list, RuntimeError, secret, text, url } from '@tradestream/runtime';

const DATABASES = ['postgres', 'postgresql'] as const;

/** Every setting of the gateway; shown in docs/configuration.md. */
export const GATEWAY_SPEC = {
  ...LOG_SETTINGS,
  DATABASE_URL: url(DATABASES, { doc: 'primary; used when the gateway has no role of its own', fallback: '' }),
  DATABASE_REPLICA_URLS: list({
    doc: 'replicas that answer reads, named `replica-1`, `replica-2` ... in their order; none: the primary answers',
    fallback: [],
  }),
  TRADESTREAM_GATEWAY_DATABASE_URL: url(DATABASES, {
    doc: 'primary, with the role `tradestream_gateway`; receipts are read there, and views that no replica shows yet',
    fallback: '',
  }),
  TRADESTREAM_GATEWAY_DATABASE_REPLICA_URLS: list({
    doc: 'replicas with the role `tradestream_gateway`; used instead of DATABASE_REPLICA_URLS',
    fallback: [],
  }),
  TRADESTREAM_GATEWAY_HTTP_HOST: text({
    doc: 'address of the API; beyond localhost every route needs the token',
    fallback: '127.0.0.1',
  }),
  TRADESTREAM_GATEWAY_HTTP_PORT: int({ doc: 'its port; 0 takes a free one', min: 0, max: 65_535, fallback: 0 }),
  TRADESTREAM_GATEWAY_HTTP_TOKEN: secret({
    doc: 'bearer token; needed beyond localhost',
    charactersMin: 32,
    fallback: '',
  }),
  TRADESTREAM_GATEWAY_POOL_MAX: int({ doc: 'connections to each node', min: 1, max: 100, fallback: 8 }),
  TRADESTREAM_GATEWAY_LAG_MS_MAX: int({
    doc: 'a replica that shows what the primary had longer ago, ms, is asked only when no other answers',
    min: 100,
    max: 3_600_000,
    fallback: 5_000,
  }),
  TRADESTREAM_GATEWAY_OUTSTANDING_MAX: int({
    doc: 'commands given to the broker and not acknowledged; beyond it 503 OVERLOADED',
    min: 1,
    max: 1_000_000,
    fallback: 20_000,
  }),
  TRADESTREAM_GATEWAY_PUBLISH_TIMEOUT_MS: int({
    doc: 'longest wait for the acknowledgement of a command, ms; then 503 BROKER_UNAVAILABLE',
    min: 100,
    max: 120_000,
    fallback: 10_000,
  }),
  TRADESTREAM_GATEWAY_BODY_TIMEOUT_MS: int({
    doc: 'longest time for a JSON body to come in whole, ms; then 408 BODY_TIMEOUT',
    min: 100,
    max: 600_000,
    fallback: 30_000,
  }),
  TRADESTREAM_GATEWAY_DRAIN_MS: int({
    doc: 'longest drain after SIGTERM, ms: waiting requests are answered before',
    min: 500,
    max: 600_000,
    fallback: 10_000,
  }),
} as const;

export type GatewayConfig = ConfigOf<typeof GATEWAY_SPEC>;

export type Databases = { readonly primary: string; readonly replicas: Readonly<Record<string, string>> };

/** @throws {RuntimeError} RT_CONFIG_INVALID without a primary */
export function databasesOf(config: GatewayConfig): Databases {
  const primary = config.TRADESTREAM_GATEWAY_DATABASE_URL || config.DATABASE_URL;
  if (primary === '') {
    throw new RuntimeError('RT_CONFIG_INVALID', { detail: 'set DATABASE_URL or TRADESTREAM_GATEWAY_DATABASE_URL' });
  }
  const own = config.TRADESTREAM_GATEWAY_DATABASE_REPLICA_URLS;
  const urls = own.length > 0 ? own : config.DATABASE_REPLICA_URLS;
  return { primary, replicas: Object.fromEntries(urls.map((each, index) => [`replica-${index + 1}`, each])) };
}
