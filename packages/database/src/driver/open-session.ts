import { AppError, errorOf, waitFor } from '@tradestream/runtime';
import { Client, type ClientConfig, type QueryResult, DatabaseError as ServerError } from 'pg';
import { DatabaseError } from '../errors.ts';
import type { Rows, Session, Statement } from '../session.ts';

export type SessionOptions = {
  readonly url: string;
  readonly applicationName: string;
  /** Longest wait for the connection and its settings, ms. */
  readonly connectTimeoutMs: number;
  /** Server settings of this session, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Refuses a session whose COMMITs are not flushed before they are answered. */
  readonly requireDurable?: boolean;
  readonly signal?: AbortSignal | undefined;
};

const SETTING = /^[a-z_]+(\.[a-z_]+)?$/;
const SETTING_VALUE = /^[A-Za-z0-9_., -]*$/;
const CLOSE_TIMEOUT_MS = 1_000;
const COMMIT_TIMEOUT_MS = 60_000;
const NOT_DURABLE = '01000';

/**
 * Opens a connection of its own.
 * @throws {DatabaseError} DB_CONNECTION_FAILED, DB_NOT_DURABLE, or the server's refusal
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { connectTimeoutMs, signal } = options;
  const client = new Client(clientConfig(options));
  const session = new PipelinedSession(client);
  try {
    await waitFor(client.connect(), { timeoutMs: connectTimeoutMs, signal, stage: 'connect to the database' });
    const { rows } = await waitFor(session.query<{ pid: number; durable: string }>({ text: GREETING }), {
      timeoutMs: connectTimeoutMs,
      signal,
      stage: 'greet the database',
    });
    session.backendPid = rows[0]?.pid ?? 0;
    if (options.requireDurable === true && ['off', 'local'].includes(rows[0]?.durable ?? '')) {
      throw new DatabaseError('DB_NOT_DURABLE', { context: { synchronous_commit: rows[0]?.durable } });
    }
    return session;
  } catch (error) {
    await session.close();
    if (error instanceof DatabaseError) throw error;
    throw error instanceof ServerError ? translate(error) : new DatabaseError('DB_CONNECTION_FAILED', { cause: error });
  }
}

const GREETING = `SELECT pg_backend_pid() AS pid, current_setting('synchronous_commit') AS durable`;

function clientConfig(options: SessionOptions): ClientConfig {
  const settings = Object.entries(options.settings ?? {}).map(([name, value]) => {
    if (!SETTING.test(name) || !SETTING_VALUE.test(value)) throw new TypeError(`setting ${name} is not plain`);
    return `-c ${name}=${value.replaceAll(' ', '\\ ')}`;
  });
  const inherited = process.env['PGOPTIONS'] ?? '';
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: [inherited, ...settings].filter((part) => part !== '').join(' '),
    pipeline: true,
  };
}

/** See `Session`. An error of the connection reaches whoever waits, and `closed`; never the process. */
class PipelinedSession implements Session {
  backendPid = 0;
  readonly #client: Client;
  readonly #closing = new AbortController();
  #noticed: string | null = null;
  #ended: Promise<void> | null = null;

  constructor(client: Client) {
    this.#client = client;
    client.on('error', (error) => this.#lost(error));
    client.on('end', () => this.#lost(new Error('the connection ended')));
    client.on('notice', (notice) => {
      if (notice.code === NOT_DURABLE) this.#noticed = notice.message ?? '';
    });
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async query<Row extends object>(statement: Statement): Promise<Rows<Row>> {
    const { text, values, name } = statement;
    try {
      const result = await this.#client.query<Row>({
        text,
        ...(values === undefined ? {} : { values: [...values] }),
        ...(name === undefined ? {} : { name }),
      });
      return { rows: result.rows, rowCount: result.rowCount ?? 0 };
    } catch (error) {
      throw translate(errorOf(error));
    }
  }

  async commit(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#noticed = null;
    let result: QueryResult;
    try {
      result = await waitFor(this.#client.query('COMMIT'), {
        timeoutMs: options.timeoutMs ?? COMMIT_TIMEOUT_MS,
        stage: 'COMMIT',
      });
    } catch (error) {
      // A refusal that names a SQLSTATE came before the commit record, unless the session was being ended.
      if (error instanceof ServerError && !CUT_OFF.has((error.code ?? '').slice(0, 3))) throw translate(error);
      this.#destroy();
      throw new DatabaseError('DB_COMMIT_UNKNOWN', { cause: error });
    }
    if (result.command !== 'COMMIT') throw new DatabaseError('DB_COMMIT_ROLLED_BACK');
    if (this.#noticed !== null) throw new DatabaseError('DB_COMMIT_NOT_DURABLE', { detail: this.#noticed });
  }

  async close(): Promise<void> {
    this.#ended ??= this.#end();
    await this.#ended;
  }

  async #end(): Promise<void> {
    this.#lost(new Error('the session was closed'));
    try {
      await waitFor(this.#client.end(), { timeoutMs: CLOSE_TIMEOUT_MS, stage: 'close a session' });
    } catch {
      this.#destroy(); // a server that does not answer is not waited for
    }
  }

  #lost(error: Error): void {
    if (!this.#closing.signal.aborted) this.#closing.abort(new DatabaseError('DB_CONNECTION_LOST', { cause: error }));
  }

  /** Gives the socket up at once: a server that still runs the statement finds its client gone. */
  #destroy(): void {
    this.#lost(new Error('the session was given up'));
    this.#client.connection.stream.destroy();
  }
}

/** Sessions ended by an administrator, a crash or a shutdown: the commit record may have been written. */
const CUT_OFF: ReadonlySet<string> = new Set(['57P', '08P', '080', 'XX0']);

/** The typed error of what the driver threw. The server's `detail` holds row values and is left out. */
function translate(error: Error): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof ServerError && error.code !== undefined) {
    const { table, constraint, schema } = error;
    const context = Object.fromEntries(
      Object.entries({ schema, table, constraint }).filter(([, value]) => value !== undefined),
    );
    const detail = ROW_VALUES.has(error.code.slice(0, 2)) ? undefined : error.message;
    return new DatabaseError(error.code, { context, ...(detail === undefined ? {} : { detail }) });
  }
  return new DatabaseError('DB_CONNECTION_LOST', { cause: error });
}

/** Classes whose message quotes the value that was refused. */
const ROW_VALUES: ReadonlySet<string> = new Set(['22']);
