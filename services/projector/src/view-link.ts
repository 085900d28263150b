import { DatabaseError, openSession, type Session } from '@tradestream/database';
import type { Logger } from '@tradestream/runtime';

export type LinkOptions = {
  readonly url: string;
  readonly applicationName: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Called when the database was lost, also while nothing was asked of it. */
  readonly onLost: (reason: Error) => void;
};

/**
 * `synchronous_commit=local`: a commit that a failover loses takes the positions with it, so its
 * events are simply projected again; waiting for standbys would buy nothing. The timeouts keep a
 * frozen projector from holding others up.
 */
const SETTINGS = {
  synchronous_commit: 'local',
  plan_cache_mode: 'force_generic_plan',
  lock_timeout: '10s',
  statement_timeout: '60s',
  idle_in_transaction_session_timeout: '10s',
  jit: 'off',
} as const;
const CONNECT_TIMEOUT_MS = 5_000;

export type ViewSessions = {
  /** Writes batches. */
  readonly writes: Session;
  /** Reads what a batch needs while another one commits. */
  readonly loads: Session;
};

/** The projector's two connections to the database of the views; both are opened anew together. */
export class ViewLink {
  readonly #options: LinkOptions;
  #sessions: ViewSessions | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * The open connections.
   * @throws {DatabaseError} DB_CONNECTION_LOST while there are none
   */
  get sessions(): ViewSessions {
    if (this.#sessions === null) throw new DatabaseError('DB_CONNECTION_LOST');
    return this.#sessions;
  }

  /**
   * Opens the connections unless they are open.
   * @throws {DatabaseError} what the server or the network answered
   */
  async open(): Promise<ViewSessions> {
    if (this.#sessions !== null && !isClosed(this.#sessions)) return this.#sessions;
    await this.close();
    const writes = await this.#openSession('');
    try {
      const sessions = { writes, loads: await this.#openSession('-loads') };
      this.#sessions = sessions;
      for (const { closed } of [sessions.writes, sessions.loads]) {
        closed.addEventListener('abort', () => this.#lost(sessions, closed), { once: true });
      }
      return sessions;
    } catch (error) {
      await writes.close();
      throw error;
    }
  }

  /** Closes what is open; `open` makes new connections. */
  async close(): Promise<void> {
    const sessions = this.#sessions;
    this.#sessions = null;
    if (sessions !== null) await Promise.all([sessions.writes.close(), sessions.loads.close()]);
  }

  async #openSession(suffix: string): Promise<Session> {
    const { url, applicationName, signal } = this.#options;
    return await openSession({
      url,
      applicationName: `${applicationName}${suffix}`,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      settings: SETTINGS,
      signal,
    });
  }

  #lost(sessions: ViewSessions, closed: AbortSignal): void {
    if (this.#sessions !== sessions) return; // closed by ourselves
    const reason: unknown = closed.reason;
    this.#options.onLost(reason instanceof Error ? reason : new DatabaseError('DB_CONNECTION_LOST'));
  }
}

function isClosed({ writes, loads }: ViewSessions): boolean {
  return writes.closed.aborted || loads.closed.aborted;
}
