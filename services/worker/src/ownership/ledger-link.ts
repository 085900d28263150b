import { DatabaseError, isAccessRefused, type Session, type SessionOptions } from '@tradestream/database';
import { invariant, type Logger, type Readiness, retry } from '@tradestream/runtime';
import { BoundedSession } from './bounded-session.ts';

export type LinkOptions = {
  /** Opens a connection to the ledger: the port to the database. */
  readonly openSession: (options: SessionOptions) => Promise<Session>;
  readonly url: string;
  readonly applicationName: string;
  /** Longest wait for a statement, ms. */
  readonly statementTimeoutMs: number;
  /** Longest wait for a COMMIT, ms: the server must not cut its wait for a standby short. */
  readonly commitTimeoutMs: number;
  readonly readiness: Readiness;
  readonly log: Logger;
  /** Aborts when the process is to stop: no database is waited for any more. */
  readonly signal: AbortSignal;
};

/**
 * The longest wait for a lock and in an idle transaction, so that a frozen worker cannot hold others
 * up. And plans that lock rows in the order of their keys: one for an array of any length, driven by
 * the sorted array, or for a small table by the index of the same keys; never in the table's order.
 */
export const SESSION_SETTINGS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '15s',
  jit: 'off',
} as const;

const CONNECT_TIMEOUT_MS = 5_000;
/** How long an answer may be on its way. */
const ANSWER_MS = 2_000;

/**
 * The worker's connections to the primary: one that applies, one that loads what a batch lacks
 * while another commits. Both are opened anew together.
 */
export class LedgerLink {
  readonly #options: LinkOptions;
  #apply: Session | null = null;
  #loads: Session | null = null;
  #timeline = 0;
  /** The server has let this worker in before. */
  #wasOpen = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** The server's timeline when the connections were opened. */
  get timeline(): number {
    return this.#timeline;
  }

  apply(): Session {
    invariant(this.#apply !== null, 'the link is opened before it is used');
    return this.#apply;
  }

  loads(): Session {
    invariant(this.#loads !== null, 'the link is opened before it is used');
    return this.#loads;
  }

  /** Opens a connection of its own kind: for control and for the relay. */
  async openSession(role: string): Promise<Session> {
    const { openSession, url, applicationName, statementTimeoutMs, commitTimeoutMs, signal } = this.#options;
    const name = role === '' ? applicationName : `${applicationName}-${role}`;
    const session = await this.#admitted(
      openSession({
        url,
        applicationName: name,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        settings: {
          ...SESSION_SETTINGS,
          statement_timeout: `${Math.max(statementTimeoutMs, commitTimeoutMs + ANSWER_MS)}ms`,
        },
        requireDurable: true,
        signal,
      }),
    );
    return new BoundedSession(session, statementTimeoutMs + ANSWER_MS);
  }

  /** Whether there are connections; with the database away there are none. */
  get isOpen(): boolean {
    return this.#apply !== null && this.#loads !== null;
  }

  /**
   * Closes what is open and opens anew, waiting for the database for as long as it takes.
   * @throws {DatabaseError} what refuses a worker that was never let in
   */
  async reopen(): Promise<void> {
    const { readiness, log, signal } = this.#options;
    await retry(
      async () => {
        await this.close();
        this.#apply = await this.openSession('');
        this.#loads = await this.openSession('loads');
        this.#timeline = await readTimeline(this.#apply);
        this.#wasOpen = true;
        readiness.set('database', true);
      },
      {
        classes: ['now', 'later', 'settle'],
        policy: { initialMs: 100, maxMs: 2_000 },
        signal,
        onRetry: (error, attempt) => {
          readiness.set('database', false, error.message);
          log.warn({ error, attempt }, 'database_unreachable');
        },
      },
    );
  }

  /** A password that is changed under a running worker is waited for; one that is wrong from the start ends it. */
  async #admitted(opening: Promise<Session>): Promise<Session> {
    try {
      return await opening;
    } catch (error) {
      if (!this.#wasOpen || !isAccessRefused(error)) throw error;
      throw new DatabaseError('DB_CONNECTION_FAILED', { cause: error, detail: error.message });
    }
  }

  async close(): Promise<void> {
    const sessions = [this.#apply, this.#loads];
    this.#apply = null;
    this.#loads = null;
    await Promise.all(sessions.map(async (session) => await session?.close()));
  }
}

/** The first eight digits of a WAL file's name are its timeline; no privilege is needed. */
async function readTimeline(session: Session): Promise<number> {
  const { rows } = await session.query<{ file: string }>({
    text: 'SELECT pg_walfile_name(pg_current_wal_lsn()) AS file',
  });
  const timeline = Number.parseInt(rows[0]?.file.slice(0, 8) ?? '', 16);
  invariant(timeline > 0, 'a primary has a timeline');
  return timeline;
}
