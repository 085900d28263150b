import { GROUP_SETTINGS, LOG_SETTINGS } from '@tradestream/contracts';
import { type ConfigOf, int, secret, text, url } from '@tradestream/runtime';

/** Every setting of the worker; shown in docs/configuration.md. */
export const WORKER_SPEC = {
  ...LOG_SETTINGS,
  ...GROUP_SETTINGS,
  DATABASE_URL: url(['postgres', 'postgresql'], {
    doc: 'primary; used when the worker has no role of its own',
    fallback: '',
  }),
  TRADESTREAM_WORKER_DATABASE_URL: url(['postgres', 'postgresql'], {
    doc: 'primary, with the role `tradestream_worker`',
    fallback: '',
  }),
  TRADESTREAM_WORKER_HTTP_HOST: text({ doc: 'address of /livez, /readyz and /metrics', fallback: '127.0.0.1' }),
  TRADESTREAM_WORKER_HTTP_PORT: int({ doc: 'its port; 0 takes a free one', min: 0, max: 65_535, fallback: 0 }),
  TRADESTREAM_WORKER_HTTP_TOKEN: secret({
    doc: 'bearer token; needed beyond localhost',
    charactersMin: 32,
    fallback: '',
  }),
  TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: int({
    doc: 'most commands of one transaction; fewer cost rate, more cost latency under load',
    min: 1,
    max: 20_000,
    fallback: 10_000,
  }),
  TRADESTREAM_WORKER_AHEAD_COMMANDS_MIN: int({
    doc: 'commands that must wait before the next batch is built while one commits; below it the next batch gathers',
    min: 1,
    max: 20_000,
    fallback: 500,
  }),
  TRADESTREAM_WORKER_GATHER_MS: int({
    doc: 'pause after a fetch that brought little, in which more commands share a transaction, ms; what comes alone is fetched at once',
    min: 0,
    max: 1_000,
    fallback: 10,
  }),
  TRADESTREAM_WORKER_QUEUE_RECORDS_MAX: int({
    doc: 'records held in memory for each partition before its fetching pauses',
    min: 100,
    max: 200_000,
    fallback: 3_000,
  }),
  TRADESTREAM_WORKER_RECORD_BYTES_MAX: int({
    doc: 'largest value of a record, bytes; a larger one is parked',
    min: 1_024,
    max: 1_048_576,
    fallback: 65_536,
  }),
  TRADESTREAM_WORKER_CACHE_ENTRIES_MAX: int({
    doc: 'balances kept in memory between batches, of each asset; each costs about 300 bytes; of orders an eighth',
    min: 1_000,
    max: 5_000_000,
    fallback: 400_000,
  }),
  TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS: int({
    doc: 'longest wait for the answer of a COMMIT once the statements before it are answered, ms; then its outcome is unknown and is settled by claiming again, and half as much is tried',
    min: 500,
    max: 600_000,
    fallback: 20_000,
  }),
  TRADESTREAM_WORKER_STATEMENT_TIMEOUT_MS: int({
    doc: 'longest wait for a statement, ms; 2 s later the connection is given up, and the batch is settled and decided again',
    min: 1_000,
    max: 600_000,
    fallback: 60_000,
  }),
  TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS: int({
    doc: 'wait for a claim before what blocks it is ended, ms; only sessions of this role and application',
    min: 200,
    max: 600_000,
    fallback: 3_000,
  }),
  TRADESTREAM_WORKER_RETRY_DEADLINE_MS: int({
    doc: 'how long deadlocks and serialization failures are retried at once before pauses grow, ms',
    min: 100,
    max: 600_000,
    fallback: 10_000,
  }),
  TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: int({
    doc: 'time without a heartbeat after which the group gives the partitions to another worker, ms',
    min: 6_000,
    max: 300_000,
    fallback: 10_000,
  }),
  TRADESTREAM_WORKER_DRAIN_MS: int({
    doc: 'longest drain after SIGTERM, ms',
    min: 500,
    max: 600_000,
    fallback: 10_000,
  }),
  TRADESTREAM_WORKER_RELEASE_RECORDS_MAX: int({
    doc: 'most parked records that are redriven, edited or discarded in one batch; batches of the log come in between',
    min: 1,
    max: 5_000,
    fallback: 500,
  }),
  TRADESTREAM_WORKER_KEY_WAITING_MAX: int({
    doc: 'commands of one key that wait behind a parked one, at which the partition pauses until they are released',
    min: 1,
    max: 1_000_000,
    fallback: 10_000,
  }),
  TRADESTREAM_WORKER_RELAY_EVENTS_MAX: int({
    doc: 'most events of one publish',
    min: 100,
    max: 50_000,
    fallback: 5_000,
  }),
} as const;

export type WorkerConfig = ConfigOf<typeof WORKER_SPEC>;
