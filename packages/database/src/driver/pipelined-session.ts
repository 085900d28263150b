import { type AppError, errorOf, waitFor } from '@tradestream/runtime';
import { type Client, type QueryResult, DatabaseError as ServerError } from 'pg';
import { DatabaseError } from '../errors.ts';
import type { CommitOptions, PipelineAnswer, PoolSession, Rows, Statement, TransactionStatus } from '../session.ts';
import { requestCancel } from './cancel-request.ts';
import type { SessionOptions } from './client-config.ts';
import { StatementPipeline } from './statement-pipeline.ts';
import { translate } from './translate.ts';

const CLOSE_TIMEOUT_MS = 1_000;
const COMMIT_TIMEOUT_MS = 60_000;
const NOT_DURABLE = '01000';
/** The server's routine that waits for standbys: other warnings (RAISE WARNING) bear the same SQLSTATE. */
const WAITS_FOR_STANDBYS = 'SyncRepWaitForLSN';
const NOTICES_MAX = 16;

/** Sessions ended by an administrator, a crash or a shutdown: the commit record may have been written. */
const CUT_OFF: ReadonlySet<string> = new Set(['57P', '08P', '080', 'XX0']);

type Told = Pick<SessionOptions, 'onFailure' | 'onAnswer'>;

/** `isAlone`: the server warned that no standby has confirmed. */
type CommitAnswer = { readonly command: string; readonly isAlone: boolean };

function isFatal(error: unknown): boolean {
  return error instanceof ServerError && (error.severity === 'FATAL' || error.severity === 'PANIC');
}

/** See `Session`. An error of the connection reaches whoever waits, and `closed`; never the process. */
export class PipelinedSession implements PoolSession {
  backendPid = 0;
  readonly #client: Client;
  readonly #closing = new AbortController();
  #outstanding = 0;
  #told: Told = {};
  #notices: string[] = [];
  #isAlone = false;
  #ended: Promise<void> | null = null;

  constructor(client: Client) {
    this.#client = client;
    client.on('error', (error) => this.#lost(error));
    client.on('end', () => this.#lost(new Error('the connection ended')));
    client.on('notice', (notice) => {
      if (notice.code !== undefined && this.#notices.length < NOTICES_MAX) this.#notices.push(notice.code);
      if (notice.code === NOT_DURABLE && (notice.routine ?? WAITS_FOR_STANDBYS) === WAITS_FOR_STANDBYS) {
        this.#isAlone = true;
      }
    });
  }

  /** From now on each answer is told, and each error. */
  reportTo(told: Told): void {
    this.#told = told;
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get transactionStatus(): TransactionStatus {
    const status = this.#client.getTransactionStatus();
    return status === 'T' ? 'open' : status === 'E' ? 'failed' : 'idle';
  }

  takeNotices(): readonly string[] {
    const taken = this.#notices;
    this.#notices = [];
    return taken;
  }

  takeNotDurable(): boolean {
    const isAlone = this.#isAlone;
    this.#isAlone = false;
    return isAlone;
  }

  async query<Row extends object>(statement: Statement): Promise<Rows<Row>> {
    const { text, values, name } = statement;
    if (statement.copy !== undefined) return await this.#copy<Row>(statement);
    const sentMs = performance.now();
    this.#outstanding += 1;
    try {
      const result = await this.#client.query<Row>({
        text,
        ...(values === undefined ? {} : { values: [...values] }),
        ...(name === undefined ? {} : { name }),
      });
      // Several statements in one text give several results: the last one counts.
      const last: QueryResult<Row> | undefined = Array.isArray(result) ? result.at(-1) : result;
      return { rows: last?.rows ?? [], rowCount: last?.rowCount ?? 0, command: last?.command ?? '' };
    } catch (error) {
      throw this.#refused(errorOf(error));
    } finally {
      this.#answered(sentMs);
    }
  }

  async pipeline(statements: readonly Statement[]): Promise<PipelineAnswer> {
    const sentMs = performance.now();
    this.#outstanding += 1;
    const { rows, failure } = await this.#client.query(new StatementPipeline(statements)).outcome;
    this.#answered(sentMs);
    return { rows, failure: failure === null ? null : this.#refused(failure) };
  }

  async commit(options: CommitOptions = {}): Promise<void> {
    if (this.#outstanding === 0) this.#isAlone = false;
    const sentMs = performance.now();
    this.#outstanding += 1;
    let answer: CommitAnswer;
    try {
      const committing = this.#sendCommit();
      committing.catch(() => undefined); // it may be answered before what went before it was looked at
      await options.after;
      answer = await waitFor(committing, {
        timeoutMs: options.timeoutMs ?? COMMIT_TIMEOUT_MS,
        stage: 'COMMIT',
      });
    } catch (error) {
      // A refusal that names a SQLSTATE came before the commit record, unless the session was being ended.
      if (error instanceof ServerError && !CUT_OFF.has((error.code ?? '').slice(0, 3)))
        throw this.#noted(translate(error, false));
      this.#abandon(new Error('the session was given up'));
      throw this.#noted(new DatabaseError('DB_COMMIT_UNKNOWN', { cause: error }));
    } finally {
      this.#answered(sentMs);
    }
    if (answer.command !== 'COMMIT') throw this.#noted(new DatabaseError('DB_COMMIT_ROLLED_BACK'));
    if (answer.isAlone) throw this.#noted(new DatabaseError('DB_COMMIT_NOT_DURABLE'));
  }

  async close(): Promise<void> {
    this.#ended ??= this.#end();
    await this.#ended;
  }

  destroy(reason: Error): void {
    const { host, port, processID, secretKey } = this.#client;
    const isBusy = this.#outstanding > 0 && !this.#closing.signal.aborted;
    this.#abandon(reason);
    // A server that runs a statement looks at its socket only when it has something to say.
    if (isBusy && processID !== null && secretKey !== null) {
      requestCancel({ host, port, pid: processID, secret: secretKey });
    }
  }

  /** The driver's own query has no rows to send. */
  async #copy<Row extends object>(statement: Statement): Promise<Rows<Row>> {
    const { rows, failure } = await this.pipeline([statement]);
    if (failure !== null) throw failure;
    return { rows: [], rowCount: rows[0]?.rowCount ?? 0, command: rows[0]?.command ?? '' };
  }

  #answered(sentMs: number): void {
    this.#outstanding -= 1;
    this.#told.onAnswer?.(performance.now() - sentMs);
  }

  #refused(error: Error): AppError {
    const translated = translate(error, this.#closing.signal.aborted);
    // The server ends the connection with it, which a busy process hears of later: nobody is lent it meanwhile.
    if (isFatal(error)) this.#lost(error);
    return this.#noted(translated);
  }

  #noted(error: AppError): AppError {
    if (error instanceof DatabaseError) this.#told.onFailure?.(error);
    return error;
  }

  /** Looks at the notices when the answer is read, and no later: the next COMMIT's may stand right behind it. */
  #sendCommit(): Promise<CommitAnswer> {
    return new Promise((resolve, reject) => {
      this.#client.query('COMMIT', (error: Error | null, result: QueryResult) => {
        const isAlone = this.#isAlone;
        this.#isAlone = false;
        if (error) reject(error);
        else resolve({ command: result.command, isAlone });
      });
    });
  }

  async #end(): Promise<void> {
    this.#lost(new Error('the session was closed'));
    try {
      await waitFor(this.#client.end(), { timeoutMs: CLOSE_TIMEOUT_MS, stage: 'close a session' });
    } catch {
      this.#abandon(new Error('the server did not answer')); // and is not waited for
    }
  }

  #lost(error: Error): void {
    if (!this.#closing.signal.aborted) this.#closing.abort(new DatabaseError('DB_CONNECTION_LOST', { cause: error }));
  }

  /** Gives the socket up at once: whoever waits for an answer gets an error. */
  #abandon(reason: Error): void {
    this.#lost(reason);
    this.#client.connection.stream.destroy();
  }
}
