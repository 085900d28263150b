import {
  type CommitOptions,
  DatabaseError,
  type PipelineAnswer,
  type Rows,
  type Session,
  type Statement,
} from '@tradestream/database';
import { errorOf, RuntimeError, waitFor } from '@tradestream/runtime';
import type { Actor } from '../scheduler.ts';
import type { ClientEnd, Request, ServerEnd, SessionLink } from './ends.ts';

type Answer = { readonly rows: readonly object[]; readonly command: string; readonly isAlone: boolean };

/** The client's end of a connection, with the manners of the driver's: pipelined, and COMMIT by its answer. */
export class MemorySession implements Session, ClientEnd {
  readonly backendPid: number;
  readonly actor: Actor;
  readonly #server: ServerEnd;
  readonly #closing = new AbortController();
  readonly #outstanding = new Set<(error: Error) => void>();
  #link: SessionLink | null = null;
  #packet: Request[] = [];
  #packetStep = -1;
  #sentUntilMs = 0;
  #heardUntilMs = 0;

  constructor(server: ServerEnd, options: { readonly actor: Actor; readonly pid: number }) {
    this.#server = server;
    this.actor = options.actor;
    this.backendPid = options.pid;
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  attach(link: SessionLink): void {
    this.#link = link;
  }

  async query<Row extends object>(statement: Statement): Promise<Rows<Row>> {
    const { rows, command } = await this.#ask(statement);
    return { rows: rows as Row[], rowCount: rows.length, command }; // the statement says what its rows are
  }

  async pipeline(statements: readonly Statement[]): Promise<PipelineAnswer> {
    const pipeline = Symbol('pipeline');
    const asked = statements.map((statement) => this.#ask(statement, pipeline));
    const answers: Rows<object>[] = [];
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === 'rejected') return { rows: answers, failure: errorOf(answer.reason) };
      const { rows, command } = answer.value;
      answers.push({ rows, rowCount: rows.length, command });
    }
    return { rows: answers, failure: null };
  }

  async commit(options: CommitOptions = {}): Promise<void> {
    const { manners } = this.#server;
    let answer: Answer;
    try {
      if (manners.commitIsNotAwaited === true) return void this.#ask(null).catch(() => undefined);
      const asked = this.#ask(null);
      asked.catch(() => undefined); // as the real one
      await options.after;
      answer = await waitFor(asked, { timeoutMs: options.timeoutMs ?? 60_000, stage: 'COMMIT' });
    } catch (error) {
      if (error instanceof RuntimeError) this.#abandon();
      if (manners.unknownPasses === true) return;
      throw new DatabaseError('DB_COMMIT_UNKNOWN', { cause: error });
    }
    if (answer.command !== 'COMMIT') throw new DatabaseError('DB_COMMIT_ROLLED_BACK');
    if (answer.isAlone && manners.alonePasses !== true) throw new DatabaseError('DB_COMMIT_NOT_DURABLE');
  }

  async close(): Promise<void> {
    this.#abandon();
  }

  /** Answers that the server has sent reach this end, one behind the other. */
  hear(answers: readonly (() => void)[]): void {
    this.#heardUntilMs = Math.max(this.#heardUntilMs, this.#server.scheduler.nowMs + this.#server.hop());
    const delayMs = this.#heardUntilMs - this.#server.scheduler.nowMs;
    this.#server.scheduler.after(this.actor, delayMs, `answer ${this.backendPid}`, () => {
      if (!this.closed.aborted) for (const answer of answers) answer();
    });
  }

  /** The server or the network has ended the connection. */
  cutOff(delayMs: number): void {
    this.#server.scheduler.after(this.actor, delayMs, `cut off ${this.backendPid}`, () => this.#lose());
  }

  async #ask(statement: Statement | null, pipeline: symbol | null = null): Promise<Answer> {
    if (this.closed.aborted) throw new DatabaseError('DB_CONNECTION_LOST');
    return await new Promise<Answer>((resolve, reject) => {
      const fail = (error: Error) => {
        this.#outstanding.delete(fail);
        reject(error);
      };
      this.#outstanding.add(fail);
      this.#send({
        statement,
        pipeline,
        fail,
        answer: (rows, command, isAlone) => {
          this.#outstanding.delete(fail);
          resolve({ rows, command, isAlone });
        },
      });
    });
  }

  /** What is sent within one step travels together. */
  #send(request: Request): void {
    const { scheduler } = this.#server;
    if (this.#packetStep === scheduler.steps) {
      this.#packet.push(request);
      return;
    }
    const packet = [request];
    this.#packet = packet;
    this.#packetStep = scheduler.steps;
    this.#later(`packet ${this.backendPid}`, (link) => link.receive(packet));
  }

  #later(label: string, run: (link: SessionLink) => void): void {
    const { scheduler } = this.#server;
    this.#sentUntilMs = Math.max(this.#sentUntilMs, scheduler.nowMs + this.#server.hop());
    scheduler.after(this.#server.actor, this.#sentUntilMs - scheduler.nowMs, label, () => {
      if (this.#link !== null) run(this.#link);
    });
  }

  #abandon(): void {
    if (this.closed.aborted) return;
    this.#lose();
    this.#later(`hang up ${this.backendPid}`, (link) => link.hangUp());
  }

  #lose(): void {
    if (this.closed.aborted) return;
    this.#closing.abort(new DatabaseError('DB_CONNECTION_LOST'));
    for (const fail of this.#outstanding) fail(new DatabaseError('DB_CONNECTION_LOST'));
  }
}
