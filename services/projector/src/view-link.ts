import { DatabaseError, isAccessRefused, type Session, type SessionOptions } from '@tradestream/database';

export type LinkOptions = {
  /** Opens a connection to the database of the views: the port to it. */
  readonly openSession: (options: SessionOptions) => Promise<Session>;
  readonly url: string;
  readonly applicationName: string;
  readonly signal: AbortSignal;
  /** Called when the server does not let a projector in that it has never let in. */
  readonly onRefused?: (error: DatabaseError) => void;
  /** Called when the database was lost, also while nothing was asked of it. */
  readonly onLost: () => void;
};

/**
 * `synchronous_commit=local`: a commit that a failover loses takes the positions with it, so its
 * events are simply projected again; waiting for standbys would buy nothing. The timeouts keep a
 * frozen projector from holding others up.
 */
const SETTINGS = {
  synchronous_commit: 'local',
  plan_cache_mode: 'force_generic_plan',
  // Every table here is reached by its key; a plan made while one was small must not scan it when it is not.
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  lock_timeout: '10s',
  statement_timeout: '60s',
  idle_in_transaction_session_timeout: '10s',
  jit: 'off',
} as const;
const CONNECT_TIMEOUT_MS = 5_000;

/** The projector's connection to the database of the views. */
export class ViewLink {
  readonly #options: LinkOptions;
  #session: Session | null = null;
  /** The server has let this projector in before. */
  #wasOpen = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * The open connection.
   * @throws {DatabaseError} DB_CONNECTION_LOST while there is none
   */
  get session(): Session {
    if (this.#session === null || this.#session.closed.aborted) throw new DatabaseError('DB_CONNECTION_LOST');
    return this.#session;
  }

  /** Whether there is an open connection. */
  get isOpen(): boolean {
    return this.#session !== null && !this.#session.closed.aborted;
  }

  /**
   * Opens the connection unless it is open.
   * @throws {DatabaseError} what the server or the network answered
   */
  async open(): Promise<Session> {
    if (this.#session !== null && !this.#session.closed.aborted) return this.#session;
    await this.close();
    const { openSession, url, applicationName, signal, onLost, onRefused } = this.#options;
    const opening = openSession({
      url,
      applicationName,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      settings: SETTINGS,
      signal,
    });
    const session = await opening.catch((error: unknown) => {
      // A password that is changed under a running projector is waited for.
      if (!this.#wasOpen && isAccessRefused(error)) onRefused?.(error);
      throw error;
    });
    this.#wasOpen = true;
    this.#session = session;
    session.closed.addEventListener('abort', () => this.#session === session && onLost(), { once: true });
    return session;
  }

  /** Closes what is open; `open` makes a new connection. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }
}
