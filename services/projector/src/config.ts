import { GROUP_SETTINGS, LOG_SETTINGS } from '@tradestream/contracts';
import { type ConfigOf, int, list, RuntimeError, secret, text, url } from '@tradestream/runtime';
import { VIEWS } from './views/all-views.ts';

const DATABASES = ['postgres', 'postgresql'] as const;
const NAMES = VIEWS.map(({ name }) => name);

/** Every setting of the projector; shown in docs/configuration.md. */
export const PROJECTOR_SPEC = {
  ...LOG_SETTINGS,
  ...GROUP_SETTINGS,
  DATABASE_URL: url(DATABASES, { doc: 'primary; used when the projector has no role of its own', fallback: '' }),
  TRADESTREAM_PROJECTOR_DATABASE_URL: url(DATABASES, {
    doc: 'primary of the views, with the role `tradestream_projector`; may be another database than that of the ledger',
    fallback: '',
  }),
  TRADESTREAM_PROJECTOR_LEDGER_DATABASE_URL: url(DATABASES, {
    doc: 'where rebuild, verify and repair read ledger.events when the ledger is in another database than the views',
    fallback: '',
  }),
  TRADESTREAM_PROJECTOR_NAME: text({
    doc: 'projectors of one name share the partitions as the group `projector-<name>`; those with other projections need another',
    fallback: 'views',
    pattern: /^[a-z0-9-]{1,40}$/,
    rule: '1 to 40 of a-z 0-9 -',
  }),
  TRADESTREAM_PROJECTOR_PROJECTIONS: list({
    doc: 'projections of this process',
    fallback: NAMES,
    pattern: new RegExp(`^(${NAMES.join('|')})$`),
    rule: `some of ${NAMES.join(', ')}, separated by commas`,
  }),
  TRADESTREAM_PROJECTOR_HTTP_HOST: text({ doc: 'address of /livez, /readyz and /metrics', fallback: '127.0.0.1' }),
  TRADESTREAM_PROJECTOR_HTTP_PORT: int({ doc: 'its port; 0 takes a free one', min: 0, max: 65_535, fallback: 0 }),
  TRADESTREAM_PROJECTOR_HTTP_TOKEN: secret({
    doc: 'bearer token; needed beyond localhost',
    charactersMin: 32,
    fallback: '',
  }),
  TRADESTREAM_PROJECTOR_BATCH_RECORDS_MAX: int({
    doc: 'most events of one transaction; fewer cost rate, more cost memory and latency under load',
    min: 1,
    max: 20_000,
    fallback: 2_500,
  }),
  TRADESTREAM_PROJECTOR_AHEAD_RECORDS_MIN: int({
    doc: 'events that must wait before the next batch is built while one commits; below it the next batch gathers',
    min: 1,
    max: 20_000,
    fallback: 500,
  }),
  TRADESTREAM_PROJECTOR_GATHER_MS: int({
    doc: 'pause after a fetch that brought little, in which more events share a transaction, ms; what comes alone is fetched at once',
    min: 0,
    max: 1_000,
    fallback: 40,
  }),
  TRADESTREAM_PROJECTOR_QUEUE_RECORDS_MAX: int({
    doc: 'records held in memory for each partition before its fetching pauses',
    min: 100,
    max: 200_000,
    fallback: 1_000,
  }),
  TRADESTREAM_PROJECTOR_DEFERENCE_FACTOR: int({
    doc: 'while the workers have a backlog of 30,000 commands or more, rest after each batch, in times of what it took, 10 s at most; 0 never rests: views are sooner there, applying is slower',
    min: 0,
    max: 100,
    fallback: 30,
  }),
  TRADESTREAM_PROJECTOR_COMMIT_TIMEOUT_MS: int({
    doc: 'longest wait for the answer of a COMMIT, ms; then the positions are read anew, which settles it',
    min: 500,
    max: 600_000,
    fallback: 20_000,
  }),
  TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS: int({
    doc: 'time without a heartbeat after which the group gives the partitions to another projector, ms',
    min: 6_000,
    max: 300_000,
    fallback: 10_000,
  }),
} as const;

export type ProjectorConfig = ConfigOf<typeof PROJECTOR_SPEC>;

/** @throws {RuntimeError} RT_CONFIG_INVALID without a database */
export function databaseUrlOf(config: ProjectorConfig): string {
  const url = config.TRADESTREAM_PROJECTOR_DATABASE_URL || config.DATABASE_URL;
  if (url === '') {
    throw new RuntimeError('RT_CONFIG_INVALID', { detail: 'set DATABASE_URL or TRADESTREAM_PROJECTOR_DATABASE_URL' });
  }
  return url;
}
