import { openSession, type Session, type Statement } from '@tradestream/database';
import { type Closeable, errorOf, type Logger } from '@tradestream/runtime';
import type { ReadNode } from './read-nodes.ts';

export type SessionNodeOptions = {
  readonly name: string;
  readonly url: string;
  /** Connections, opened as they are needed. */
  readonly sessionsMax: number;
  readonly log: Logger;
};

const CONNECT_TIMEOUT_MS = 2_000;
const SETTINGS = {
  statement_timeout: '10s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '15s',
  jit: 'off',
} as const;
/** After a failed connection the node is left alone for so long, milliseconds. */
const DOWN_MS = 1_000;

/**
 * A node with a few pipelined connections. A snapshot is one round trip: its statements are sent
 * behind one another and the connection's own order keeps those of two readers apart.
 */
export class SessionNode implements ReadNode, Closeable {
  readonly name: string;
  readonly #options: SessionNodeOptions;
  readonly #sessions: (Promise<Session> | null)[];
  readonly #closing = new AbortController();
  #turn = 0;
  #downUntilMs = 0;

  constructor(options: SessionNodeOptions) {
    this.name = options.name;
    this.#options = options;
    this.#sessions = Array.from({ length: options.sessionsMax }, () => null);
  }

  /** False for a moment after a connection failed: other nodes are asked first. */
  get isUp(): boolean {
    return performance.now() >= this.#downUntilMs;
  }

  async query<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    const session = await this.#session();
    return (await session.query<Row>(statement)).rows;
  }

  async snapshot(statements: readonly Statement[]): Promise<readonly (readonly object[])[]> {
    const session = await this.#session();
    const begun = session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    const answers = statements.map((statement) => session.query<object>(statement));
    const ended = session.query({ text: 'ROLLBACK' });
    const [, , ...results] = await Promise.all([begun, ended, ...answers]).catch(async (error: unknown) => {
      await Promise.allSettled([begun, ended, ...answers]);
      throw error;
    });
    return results.map((result) => result.rows);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the node is closed'));
    const opened = this.#sessions.splice(0).filter((session) => session !== null);
    await Promise.all(opened.map(async (session) => (await session.catch(() => null))?.close()));
  }

  #session(): Promise<Session> {
    this.#closing.signal.throwIfAborted();
    this.#turn = (this.#turn + 1) % this.#options.sessionsMax;
    const slot = this.#turn;
    const known = this.#sessions[slot] ?? null;
    if (known !== null) return known;
    const opening = this.#open(slot);
    this.#sessions[slot] = opening;
    return opening;
  }

  async #open(slot: number): Promise<Session> {
    const { url, name, log } = this.#options;
    const forget = () => {
      this.#sessions[slot] = null;
    };
    try {
      const session = await openSession({
        url,
        applicationName: 'tradestream-gateway',
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        settings: SETTINGS,
        signal: this.#closing.signal,
      });
      session.closed.addEventListener('abort', forget, { once: true });
      this.#downUntilMs = 0;
      return session;
    } catch (error) {
      forget();
      this.#downUntilMs = performance.now() + DOWN_MS;
      log.warn({ error: errorOf(error), node: name }, 'node_unreachable');
      throw error;
    }
  }
}
