import { DatabaseError, openSession, type Session, type SessionOptions, type Statement } from '@tradestream/database';
import { type Closeable, errorOf, type Logger, waitFor } from '@tradestream/runtime';
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
 * behind one another and the connection's own order keeps those of two readers apart. While the node
 * is marked down, whoever waits for it is told so at once.
 */
export class SessionNode implements ReadNode, Closeable {
  readonly name: string;
  readonly #options: SessionNodeOptions;
  readonly #sessions: (Promise<Session> | null)[];
  readonly #closing = new AbortController();
  #down = new AbortController();
  #turn = 0;
  #downUntilMs = 0;
  #inFlight = 0;
  #lagMs = 0;

  constructor(options: SessionNodeOptions) {
    this.name = options.name;
    this.#options = options;
    this.#sessions = Array.from({ length: options.sessionsMax }, () => null);
  }

  /** False while it is marked down, and for a moment after a connection failed. */
  get isUp(): boolean {
    return !this.#down.signal.aborted && performance.now() >= this.#downUntilMs;
  }

  /** Questions that wait for an answer. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** How late it was when it was last asked, milliseconds. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** What a session to this node is opened with. */
  get connection(): Pick<SessionOptions, 'url' | 'applicationName' | 'settings'> {
    return { url: this.#options.url, applicationName: 'tradestream-gateway', settings: SETTINGS };
  }

  markUp(lagMs: number): void {
    this.#lagMs = lagMs;
    if (!this.#down.signal.aborted) return;
    this.#down = new AbortController();
    this.#options.log.info({ node: this.name }, 'node_up');
  }

  /** Its connections are given up; what waits on them fails as if they had broken. */
  markDown(error: Error): void {
    if (this.#down.signal.aborted) return;
    this.#options.log.warn({ error, node: this.name }, 'node_down');
    this.#down.abort(error);
    for (const [slot, session] of this.#sessions.entries()) {
      this.#sessions[slot] = null;
      void session?.then(
        (opened) => opened.close(),
        () => undefined,
      );
    }
  }

  async query<Row extends object>(statement: Statement): Promise<readonly Row[]> {
    return await this.#ask(async () => {
      const session = await this.#session();
      return (await session.query<Row>(statement)).rows;
    });
  }

  async snapshot(statements: readonly Statement[]): Promise<readonly (readonly object[])[]> {
    return await this.#ask(async () => {
      const session = await this.#session();
      const begun = session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
      const answers = statements.map((statement) => session.query<object>(statement));
      const ended = session.query({ text: 'ROLLBACK' });
      const [, , ...results] = await Promise.all([begun, ended, ...answers]).catch(async (error: unknown) => {
        await Promise.allSettled([begun, ended, ...answers]);
        throw error;
      });
      return results.map((result) => result.rows);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the node is closed'));
    const opened = this.#sessions.splice(0).filter((session) => session !== null);
    await Promise.all(opened.map(async (session) => (await session.catch(() => null))?.close()));
  }

  async #ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    const { signal } = this.#down;
    this.#inFlight += 1;
    try {
      signal.throwIfAborted();
      return await waitFor(question(), { signal, stage: `ask ${this.name}` });
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new DatabaseError('DB_CONNECTION_LOST', { cause: signal.reason, context: { node: this.name } });
    } finally {
      this.#inFlight -= 1;
    }
  }

  #session(): Promise<Session> {
    this.#closing.signal.throwIfAborted();
    this.#turn = (this.#turn + 1) % this.#options.sessionsMax;
    const slot = this.#turn;
    const known = this.#sessions[slot] ?? null;
    if (known !== null) return known;
    const opening = this.#open();
    this.#sessions[slot] = opening;
    const forget = () => {
      if (this.#sessions[slot] === opening) this.#sessions[slot] = null;
    };
    opening.then(({ closed }) => {
      if (closed.aborted) forget();
      else closed.addEventListener('abort', forget, { once: true });
    }, forget);
    return opening;
  }

  async #open(): Promise<Session> {
    const { name, log } = this.#options;
    try {
      const session = await openSession({
        ...this.connection,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: this.#closing.signal,
      });
      this.#downUntilMs = 0;
      return session;
    } catch (error) {
      this.#downUntilMs = performance.now() + DOWN_MS;
      log.warn({ error: errorOf(error), node: name }, 'node_unreachable');
      throw error;
    }
  }
}
