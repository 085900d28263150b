import { GROUP_SETTINGS, LOG_SETTINGS } from '@tradestream/contracts';
import { type ConfigOf, flag, int, list, RuntimeError, secret, text, url } from '@tradestream/runtime';

const DATABASES = ['postgres', 'postgresql'] as const;
const TOKEN = { charactersMin: 32, fallback: '' } as const;

/** Every setting of the monitor; shown in docs/configuration.md. */
export const MONITOR_SPEC = {
  ...LOG_SETTINGS,
  ...GROUP_SETTINGS,
  REDIS_URL: url(['redis', 'rediss'], {
    doc: 'Redis, which times the jobs and is watched; none: jobs run without it',
    fallback: '',
  }),
  DATABASE_URL: url(DATABASES, { doc: 'primary; used when the monitor has no role of its own', fallback: '' }),
  DATABASE_REPLICA_URLS: list({
    doc: 'replicas to watch, named `replica-1`, `replica-2` ... in their order',
    fallback: [],
  }),
  TRADESTREAM_MONITOR_DATABASE_URL: url(DATABASES, {
    doc: 'primary, with the role `tradestream_monitor`, a member of `pg_monitor`',
    fallback: '',
  }),
  TRADESTREAM_MONITOR_DATABASE_REPLICA_URLS: list({
    doc: 'replicas with the role `tradestream_monitor`; used instead of DATABASE_REPLICA_URLS',
    fallback: [],
  }),
  TRADESTREAM_MONITOR_HTTP_HOST: text({
    doc: 'address of dashboard and API; beyond localhost every route needs a token',
    fallback: '127.0.0.1',
  }),
  TRADESTREAM_MONITOR_HTTP_PORT: int({ doc: 'its port; 0 takes a free one', min: 0, max: 65_535, fallback: 0 }),
  TRADESTREAM_MONITOR_READER_TOKEN: secret({ doc: 'bearer token that may read', ...TOKEN }),
  TRADESTREAM_MONITOR_OPERATOR_TOKEN: secret({ doc: 'bearer token that may read, silence and redrive', ...TOKEN }),
  TRADESTREAM_MONITOR_ADMIN_TOKEN: secret({ doc: 'bearer token that may do everything', ...TOKEN }),
  TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: int({
    doc: 'pause between two readings of a source, ms; faults are named within a window of them',
    min: 250,
    max: 60_000,
    fallback: 2_000,
  }),
  TRADESTREAM_MONITOR_WINDOW_SAMPLES: int({
    doc: 'readings that the verdict on a partition rests on; a consumer that commits less often than one window is called stalled',
    min: 3,
    max: 100,
    fallback: 5,
  }),
  TRADESTREAM_MONITOR_SOURCE_TIMEOUT_MS: int({
    doc: 'longest wait for one reading of a database node, ms; then the node counts as unreachable; the broker has twice as long for a small request',
    min: 200,
    max: 60_000,
    fallback: 3_000,
  }),
  TRADESTREAM_MONITOR_REPLICA_LAG_SECONDS_MAX: int({
    doc: 'a replica farther behind than this is called unhealthy, seconds',
    min: 1,
    max: 86_400,
    fallback: 5,
  }),
  TRADESTREAM_MONITOR_SERVICES: list({
    doc: 'services whose /metrics are read, `name=url` separated by commas',
    fallback: [],
    pattern: /^[\w.-]{1,80}=https?:\/\/\S+$/,
    rule: '`name=url` separated by commas',
  }),
  TRADESTREAM_MONITOR_SERVICES_FILE: text({
    doc: 'JSON file with `metricsUrls: {name: url}`, read again whenever it was replaced',
    fallback: '',
  }),
  TRADESTREAM_MONITOR_JOBS_RUNNING_MAX: int({
    doc: 'jobs that this process runs at once; the others wait',
    min: 1,
    max: 32,
    fallback: 4,
  }),
  TRADESTREAM_MONITOR_REDRIVE_RATE_MAX: int({
    doc: 'parked records that one job redrives, discards or edits, records/s',
    min: 1,
    max: 100_000,
    fallback: 1_000,
  }),
  TRADESTREAM_MONITOR_JOB_LEASE_MS: int({
    doc: 'how long a job is held by a process that says nothing any more, ms; then it is run again',
    min: 1_000,
    max: 600_000,
    fallback: 15_000,
  }),
  TRADESTREAM_MONITOR_JOB_SWEEP_MS: int({
    doc: 'pause between two looks for jobs that nobody runs, ms',
    min: 100,
    max: 600_000,
    fallback: 5_000,
  }),
  TRADESTREAM_MONITOR_ARCHIVE_INTERVAL_MS: int({
    doc: 'pause between two looks for receipts to archive and events to remove, ms; 0: neither is done unless someone asks for it',
    min: 0,
    max: 604_800_000,
    fallback: 3_600_000,
  }),
  TRADESTREAM_MONITOR_EVENT_RETENTION_DAYS: int({
    doc: 'events leave the ledger behind a snapshot that is so old, days; before then nothing can be decided again; 0: they never leave',
    min: 0,
    max: 36_500,
    fallback: 0,
  }),
  TRADESTREAM_MONITOR_RECONCILIATION_INTERVAL_MS: int({
    doc: 'pause between two reconciliations of ledger, log and views, ms; each reads all of them; 0: none runs unless someone asks for it',
    min: 0,
    max: 2_592_000_000,
    fallback: 0,
  }),
  TRADESTREAM_MONITOR_RETENTION_DAYS: int({
    doc: 'how long figures and resolved alerts are kept, days',
    min: 1,
    max: 365,
    fallback: 7,
  }),
  TRADESTREAM_MONITOR_JOB_RETENTION_DAYS: int({
    doc: 'how long jobs that have ended are kept, with what they asked of workers and projectors and what dry runs found, days; their audit stays',
    min: 1,
    max: 3_650,
    fallback: 90,
  }),
  TRADESTREAM_MONITOR_EXTERNAL_URL: text({
    doc: 'address of this monitor as people reach it, for links in notifications',
    fallback: '',
  }),
  TRADESTREAM_MONITOR_WEBHOOK_URL: list({
    doc: 'alerts are posted there in the form of an Alertmanager webhook, to each of several separated by commas; none: they are not',
    fallback: [],
    pattern: /^https?:\/\/\S+$/,
    rule: 'URLs starting with http:// or https://, separated by commas',
  }),
  TRADESTREAM_MONITOR_WEBHOOK_KEY: secret({
    doc: 'signs what the webhook gets, as `X-Tradestream-Signature`',
    charactersMin: 32,
    fallback: '',
  }),
  TRADESTREAM_MONITOR_ALERTMANAGER_URL: url(['http', 'https'], {
    doc: 'Alertmanager, told by its API v2; none: it is not',
    fallback: '',
  }),
  TRADESTREAM_MONITOR_RECEIVERS_ALLOWED: list({
    doc: '`host:port` of receivers that are not public addresses',
    fallback: [],
    pattern: /^\S+:\d{1,5}$/,
    rule: '`host:port` separated by commas',
  }),
  TRADESTREAM_MONITOR_CANARY: flag({
    doc: 'sends a command of its own at an interval and follows it through the pipeline',
    fallback: true,
  }),
  TRADESTREAM_MONITOR_CANARY_INTERVAL_MS: int({ doc: 'its interval, ms', min: 500, max: 3_600_000, fallback: 10_000 }),
  TRADESTREAM_MONITOR_CANARY_TIMEOUT_MS: int({
    doc: 'longest way of a canary command, ms; then the alert CanaryLost',
    min: 100,
    max: 600_000,
    fallback: 8_000,
  }),
} as const;

export type MonitorConfig = ConfigOf<typeof MONITOR_SPEC>;

/** A database node by the name it has everywhere: `primary`, `replica-1` ... */
export type NodeAddress = { readonly name: string; readonly url: string };

/** @throws {RuntimeError} RT_CONFIG_INVALID without a primary */
export function nodesOf(config: MonitorConfig): readonly NodeAddress[] {
  const primary = config.TRADESTREAM_MONITOR_DATABASE_URL || config.DATABASE_URL;
  if (primary === '') {
    throw new RuntimeError('RT_CONFIG_INVALID', { detail: 'set DATABASE_URL or TRADESTREAM_MONITOR_DATABASE_URL' });
  }
  const own = config.TRADESTREAM_MONITOR_DATABASE_REPLICA_URLS;
  const replicas = own.length > 0 ? own : config.DATABASE_REPLICA_URLS;
  return [
    { name: 'primary', url: primary },
    ...replicas.map((each, index) => ({ name: `replica-${index + 1}`, url: each })),
  ];
}
