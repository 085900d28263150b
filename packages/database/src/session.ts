/**
 * A statement; `name` makes it prepared once per session. Buffers travel as binary parameters, and
 * must not change before the answer: large ones are sent from where they are.
 */
export type Statement = {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly name?: string;
  /** The rows of a `COPY ... FROM STDIN`, sent behind it at once; see `copyInto`. */
  readonly copy?: Buffer;
};

/** `command` is the server's word for what it did: `SELECT`, `INSERT`, `COMMIT`. */
export type Rows<Row> = { readonly rows: readonly Row[]; readonly rowCount: number; readonly command: string };

/**
 * What became of statements that were sent together. `rows` are the answers of those that ran, in
 * order; `failure` is of the statement right behind them: it and all that follow changed nothing.
 */
export type PipelineAnswer = { readonly rows: readonly Rows<object>[]; readonly failure: Error | null };

/** Whether the server holds a transaction open for the session, and whether it can still commit. */
export type TransactionStatus = 'idle' | 'open' | 'failed';

export type CommitOptions = {
  /** Longest wait for the answer, milliseconds. */
  readonly timeoutMs?: number;
  /** The time counts from here on: answers to what was sent before, which is bounded by itself. Never rejects. */
  readonly after?: Promise<unknown>;
};

/**
 * One PostgreSQL connection of its own, pipelined: several statements may be outstanding, they run
 * in the order of the calls. For work that owns its connection (the apply path, a relay).
 */
export interface Session {
  readonly backendPid: number;
  /** @throws {DatabaseError} with the SQLSTATE or a code of our own. */
  query<Row extends object>(statement: Statement): Promise<Rows<Row>>;
  /**
   * Sends statements together, to be answered together. What stands behind one that fails is left
   * out by the server, whether a transaction is open or not; outside of one they are a transaction of
   * their own. A statement behind the pipeline may not share the name of one in it that is used for the first time.
   * Never rejects: `failure` is a {DatabaseError}, as `query` throws it. A value that cannot be sent, a name
   * that another text has, or a COPY without its rows costs the session.
   */
  pipeline(statements: readonly Statement[]): Promise<PipelineAnswer>;
  /**
   * Sends COMMIT. It may be pipelined behind statements; its answer decides.
   * @throws {DatabaseError} DB_COMMIT_ROLLED_BACK (tag was ROLLBACK), DB_COMMIT_NOT_DURABLE (NOTICE
   * 01000: committed here, perhaps not on a standby), DB_COMMIT_UNKNOWN (no answer within the
   * time, or the connection broke).
   */
  commit(options?: CommitOptions): Promise<void>;
  /** Aborts when the connection is gone; the reason is a DatabaseError. */
  readonly closed: AbortSignal;
  /** Idempotent. Never waits longer than a second for the server. */
  close(): Promise<void>;
}

/** What the pool needs beyond a session's use. */
export interface PoolSession extends Session {
  /** As the last answer told it. */
  readonly transactionStatus: TransactionStatus;
  /** Statements sent and not answered; a pipeline counts once. */
  readonly outstanding: number;
  /** SQLSTATEs of the notices since the last call. */
  takeNotices(): readonly string[];
  /** Whether a statement since the last call was committed with the warning that no standby has confirmed it. */
  takeNotDurable(): boolean;
  /**
   * Gives the connection up at once, whatever the server or the network does; the server is told
   * over a second connection to cancel what it still runs for it.
   */
  destroy(reason: Error): void;
}
