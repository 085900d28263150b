import { DatabaseManager } from '@tradestream/database';
import { readEndpoints } from '@tradestream/stack';
import { CliFailure } from './output/exit-code.ts';
import { projectRoot } from './project-root.ts';

type Options = {
  /** The server refuses whatever would change something. */
  readonly readOnly?: boolean;
  /** Longest statement, ms. */
  readonly timeoutMs?: number;
};

const CONNECTIONS_MAX = 3;
const ACQUIRE_MS = 10_000;

/**
 * The database and its replicas as the environment names them, else those of the installation that runs here.
 * @throws {CliFailure} when neither does
 */
export function openDatabase(env: NodeJS.ProcessEnv, options: Options = {}): DatabaseManager {
  const given = (variable: string) => (env[variable] === '' ? undefined : env[variable]);
  const running = given('DATABASE_URL') === undefined ? readEndpoints(projectRoot()) : null;
  const primary = given('DATABASE_URL') ?? running?.databaseUrl;
  if (primary === undefined) {
    throw new CliFailure('nothing runs in this checkout: start it with `npm start`, or set DATABASE_URL');
  }
  const listed = (given('DATABASE_REPLICA_URLS') ?? '').split(',').filter((url) => url.trim() !== '');
  const replicas =
    running?.replicaUrls ?? Object.fromEntries(listed.map((url, at) => [`replica-${at + 1}`, url.trim()]));
  const urlOf = (url: string) => (options.readOnly === true ? readOnlyUrl(url) : url);
  return new DatabaseManager({
    pool: {
      maxSize: CONNECTIONS_MAX,
      acquireTimeout: ACQUIRE_MS,
      leakDetectionThreshold: 0,
      applicationName: 'tradestream-cli',
      ...(options.timeoutMs === undefined ? {} : { queryTimeout: options.timeoutMs }),
    },
    replication: {
      master: { url: urlOf(primary), name: 'primary' },
      replicas: Object.entries(replicas).map(([name, url]) => ({ name, url: urlOf(url) })),
    },
  });
}

function readOnlyUrl(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  const options = [url.searchParams.get('options') ?? '', '-c default_transaction_read_only=on'];
  url.searchParams.set('options', options.filter((part) => part !== '').join(' '));
  return url.href;
}
