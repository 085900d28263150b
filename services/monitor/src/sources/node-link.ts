import { openSession as openUncounted, type Session, type SessionOptions, type Statement } from '@tradestream/database';
import { type Closeable, RuntimeError, waitFor } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';

export type NodeLinkOptions = {
  readonly name: string;
  readonly url: string;
  /** Default: the toolkit's, whose errors nobody counts. */
  readonly openSession?: (options: SessionOptions) => Promise<Session>;
  readonly timeoutMs: number;
  /** Over those of a watcher: no parallel workers, no JIT. */
  readonly settings?: Readonly<Record<string, string>>;
};

const SETTINGS = { jit: 'off', max_parallel_workers_per_gather: '0' } as const;

/** One connection to one node, made when it is first needed and again after it broke or hung. */
export class NodeLink implements Closeable {
  readonly name: string;
  readonly #options: NodeLinkOptions;
  readonly #closing = new AbortController();
  #session: Promise<Session> | null = null;

  constructor(options: NodeLinkOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /**
   * @throws {MonitorError} SOURCE_TIMEOUT: a node that does not answer is left and connected to anew
   * @throws {DatabaseError}
   */
  async query<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    const { timeoutMs, name } = this.#options;
    this.#session ??= this.#open();
    const opening = this.#session;
    const asked: { session: Session | null } = { session: null };
    try {
      const answer = opening.then(async (session) => {
        asked.session = session;
        return await session.query<Row>(statement);
      });
      const { rows } = await waitFor(answer, { timeoutMs, signal: this.#closing.signal, stage: `ask ${name}` });
      return rows;
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== 'RT_TIMEOUT') throw error;
      if (this.#session === opening) this.#session = null;
      void asked.session?.close();
      throw new MonitorError('SOURCE_TIMEOUT', { cause: error, context: { node: name, timeoutMs } });
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the link is closed'));
    await (await this.#session?.catch(() => null))?.close();
  }

  async #open(): Promise<Session> {
    const { url, timeoutMs, settings, openSession = openUncounted } = this.#options;
    const forget = () => {
      this.#session = null;
    };
    try {
      const session = await openSession({
        url,
        applicationName: 'tradestream-monitor',
        connectTimeoutMs: timeoutMs,
        settings: { ...SETTINGS, statement_timeout: `${timeoutMs}ms`, ...settings },
        signal: this.#closing.signal,
      });
      session.closed.addEventListener('abort', forget, { once: true });
      return session;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
