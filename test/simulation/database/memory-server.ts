import { DatabaseError, type SessionOptions } from '@tradestream/database';
import { Actor, type Scheduler } from '../scheduler.ts';
import { Backend, type ServerState } from './backend.ts';
import { CommitLog } from './commit-log.ts';
import {
  type Latencies,
  nameOf,
  type Request,
  type ServerEnd,
  type ServerFaults,
  type SessionManners,
} from './ends.ts';
import { MemorySession } from './memory-session.ts';
import { StatementBook, type Statements } from './statement.ts';
import { Blocked, Paused, Transaction } from './table.ts';

type Answers = (() => void)[];

const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_MS = 15_000;
const ABORTED = '25P02';

/**
 * A primary with a quorum of standbys, in memory: sessions, transactions, locks. A COMMIT stands once
 * the standbys have it; until then its locks are held and nobody sees it, and what becomes of it when
 * the server ends is open.
 */
export class MemoryServer implements ServerState, ServerEnd {
  readonly actor = new Actor('server');
  readonly scheduler: Scheduler;
  readonly backends = new Set<Backend>();
  timeline = 1;
  /** Deadlocks that an order of locks rules out: none rules out those at a row that another has made meanwhile. */
  deadlocks = 0;
  faults: ServerFaults | null = null;
  manners: SessionManners = {};
  readonly #statements: StatementBook;
  readonly #latencies: Latencies;
  readonly commits = new CommitLog();
  #pid = 0;
  #batch = 0;
  #isUp = true;
  #standbysBackAtMs = 0;

  constructor(options: {
    readonly scheduler: Scheduler;
    readonly statements: Statements;
    readonly latencies: Latencies;
  }) {
    this.scheduler = options.scheduler;
    this.#statements = new StatementBook(options.statements);
    this.#latencies = options.latencies;
  }

  hop(): number {
    return this.#latencies.hop();
  }

  nextBatch(): number {
    this.#batch += 1;
    return this.#batch;
  }

  /** The way to this server for one process: what the services take for the driver's. */
  openerFor(actor: Actor): (options: SessionOptions) => Promise<MemorySession> {
    return (options) =>
      new Promise((resolve, reject) => {
        this.scheduler.after(this.actor, this.hop(), `connect ${actor.name}`, () => {
          if (!this.#isUp) {
            this.scheduler.after(actor, this.hop(), 'refused', () => reject(new DatabaseError('DB_CONNECTION_FAILED')));
            return;
          }
          this.#pid += 1;
          const session = new MemorySession(this, { actor, pid: this.#pid });
          const backend = new Backend(this, session, options);
          session.attach({
            receive: (packet) => this.#receive(backend, packet),
            hangUp: () => this.hangUp(backend),
          });
          this.backends.add(backend);
          this.scheduler.after(actor, this.hop(), 'connected', () => resolve(session));
        });
      });
  }

  /** Takes statements in, in the order in which they were sent. */
  #receive(backend: Backend, packet: readonly Request[]): void {
    if (backend.isGone) return;
    backend.queue.push(...packet);
    this.#pump(backend);
  }

  /** The client is gone: an open transaction is rolled back; a commit that waits for standbys goes on. */
  hangUp(backend: Backend): void {
    if (backend.isGone) return;
    this.#forget(backend);
    if (backend.waitsFor !== 'standbys') this.#rollBack(backend);
  }

  /** Ends a session from this side. A commit that waits for standbys then stands without them. */
  terminate(backend: Backend): void {
    if (backend.isGone) return;
    this.#forget(backend);
    const waiting = backend.tx === null ? null : this.commits.takeWaiting(backend.tx);
    if (waiting === null) this.#rollBack(backend);
    else this.#stand(waiting.number, waiting.tx);
    backend.session.cutOff(this.hop());
  }

  /** An operator's cancel of the wait for standbys: the commit stands, its client is told that it is alone. */
  cancelWait(): void {
    const waiting = this.commits.takeWaiting(null);
    if (waiting === null) return;
    this.#stand(waiting.number, waiting.tx);
    waiting.done(true);
  }

  holdStandbys(durationMs: number): void {
    this.#standbysBackAtMs = Math.max(this.#standbysBackAtMs, this.scheduler.nowMs + durationMs);
  }

  /** The server ends and comes back with all that it had written, also what no standby has. */
  restart(downMs: number): void {
    for (const { number, tx } of this.commits.restart()) this.#stand(number, tx);
    this.#goDown(downMs);
  }

  /** The server ends and a standby takes its place: what that had not got is lost. */
  promote(downMs: number): void {
    const { kept, lost } = this.commits.promote(this.scheduler.random);
    for (const { tx } of kept) this.#end(tx, true);
    for (const { tx } of lost) this.#end(tx, false);
    this.timeline += 1;
    this.#goDown(downMs);
  }

  endBlockersOf(pid: number, applicationName: string): readonly number[] {
    const blocker = this.#backendOf(pid)?.waitsFor;
    if (!(blocker instanceof Transaction)) return [];
    const holder = this.#backendOf(blocker.pid);
    if (holder?.applicationName !== applicationName) return [];
    this.terminate(holder);
    return [holder.pid];
  }

  #goDown(downMs: number): void {
    this.#isUp = false;
    for (const backend of this.backends) this.terminate(backend);
    this.scheduler.after(this.actor, downMs, 'up', () => {
      this.#isUp = true;
      this.#awaitStandbys();
    });
  }

  #forget(backend: Backend): void {
    backend.isGone = true;
    backend.queue.length = 0;
    this.backends.delete(backend);
  }

  #pump(backend: Backend): void {
    const answers: Answers = [];
    while (backend.waitsFor === null) {
      const [request] = backend.queue;
      if (request === undefined) break;
      const name = nameOf(request);
      if (this.faults?.cutsBefore(name) === true) {
        this.scheduler.note(`cut before ${name}`);
        return this.terminate(backend);
      }
      this.#execute(backend, request, answers);
    }
    this.#send(backend, answers);
    this.#watchIdle(backend);
  }

  /** Runs the first request of the queue; it stays there when it has to wait. */
  #execute(backend: Backend, { statement }: Request, answers: Answers): void {
    if (statement === null) return this.#commit(backend, answers);
    if (statement.text === 'BEGIN' && backend.tx?.failed !== true) {
      backend.tx ??= this.#begin(backend);
      return this.#answer(backend, answers, { rows: [], command: 'BEGIN', isAlone: false });
    }
    if (statement.text === 'ROLLBACK') {
      this.#rollBack(backend);
      return this.#answer(backend, answers, { rows: [], command: 'ROLLBACK', isAlone: false });
    }
    const tx = backend.tx ?? backend.single ?? this.#begin(backend);
    try {
      if (tx.failed) throw new DatabaseError(ABORTED);
      const given = statement.copy === undefined ? (statement.values ?? []) : [statement.copy];
      const rows = this.#statements.find(statement)(backend, tx, given);
      tx.keep();
      this.scheduler.note(`${backend.pid} ${statement.name ?? statement.text.trimStart().slice(0, 40)} ${rows.length}`);
      if (tx === backend.tx) this.#answer(backend, answers, { rows, command: 'SELECT', isAlone: false });
      else this.#finish(backend, answers, { tx, rows, command: 'SELECT' });
    } catch (error) {
      tx.takeBack();
      if (error instanceof Blocked) this.#block(backend, { tx, blocked: error, answers });
      else if (error instanceof Paused) this.#pause(backend, tx);
      else if (error instanceof DatabaseError) this.#refuse(backend, { tx, error, answers });
      else throw error;
    }
  }

  #answer(
    backend: Backend,
    answers: Answers,
    answer: { readonly rows: readonly object[]; readonly command: string; readonly isAlone: boolean },
  ): void {
    const request = backend.queue.shift();
    const { rows, command, isAlone } = answer;
    answers.push(() => request?.answer(rows, command, isAlone));
  }

  #refuse(
    backend: Backend,
    failed: { readonly tx: Transaction; readonly error: DatabaseError; readonly answers: Answers },
  ): void {
    const { tx, error, answers } = failed;
    this.scheduler.note(`${backend.pid} refused ${error.code}`);
    const request = backend.queue.shift();
    tx.failed = true;
    backend.single = null;
    this.#end(tx, false);
    answers.push(() => request?.fail(error));
    for (const { fail } of backend.leaveOut(request?.pipeline ?? null)) answers.push(() => fail(error));
  }

  #commit(backend: Backend, answers: Answers): void {
    const { tx } = backend;
    if (tx === null || tx.failed) {
      this.#rollBack(backend);
      return this.#answer(backend, answers, { rows: [], command: tx === null ? 'COMMIT' : 'ROLLBACK', isAlone: false });
    }
    this.#finish(backend, answers, { tx, rows: [], command: 'COMMIT' });
  }

  #finish(
    backend: Backend,
    answers: Answers,
    commit: { readonly tx: Transaction; readonly rows: readonly object[]; readonly command: string },
  ): void {
    const { tx, rows, command } = commit;
    const over = (answered: Answers, isAlone: boolean) => {
      backend.tx = null;
      backend.single = null;
      this.#answer(backend, answered, { rows, command, isAlone });
    };
    if (!tx.hasWritten) {
      this.#end(tx, true);
      return over(answers, false);
    }
    const number = this.commits.next();
    if (backend.isLocal) {
      this.#stand(number, tx);
      return over(answers, false);
    }
    this.#awaitStandbys();
    backend.tx = tx;
    backend.waitsFor = 'standbys';
    const done = (isAlone: boolean) => {
      if (backend.isGone) return;
      backend.waitsFor = null;
      const late: Answers = [];
      over(late, isAlone);
      this.#send(backend, late);
      if (!backend.isGone) this.#pump(backend);
    };
    this.commits.wait({ number, tx, done });
  }

  /** The standbys will say that they have all that was committed until now. */
  #awaitStandbys(): void {
    const number = this.commits.last;
    const { timeline } = this;
    const delayMs = Math.max(this.#latencies.standby(), this.#standbysBackAtMs - this.scheduler.nowMs);
    this.scheduler.after(this.actor, delayMs, 'flushed', () => {
      if (!this.#isUp || timeline !== this.timeline) return;
      if (this.#standbysBackAtMs > this.scheduler.nowMs) return this.#awaitStandbys();
      for (const { tx, done } of this.commits.flushed(number)) {
        this.#end(tx, true);
        done(false);
      }
    });
  }

  /** A commit stands here, whatever the standbys have. */
  #stand(number: number, tx: Transaction): void {
    this.commits.stands(number, this.#end(tx, true));
  }

  #rollBack(backend: Backend): void {
    const { tx, single } = backend;
    backend.tx = null;
    backend.single = null;
    this.#unblock(backend);
    if (tx !== null) this.#end(tx, false);
    if (single !== null) this.#end(single, false);
  }

  #block(
    backend: Backend,
    waiting: { readonly tx: Transaction; readonly blocked: Blocked; readonly answers: Answers },
  ): void {
    const { tx, blocked, answers } = waiting;
    const { by } = blocked;
    this.scheduler.note(`${backend.pid} waits for ${by.pid}`);
    backend.waitsAtTakenKey = blocked.atTakenKey;
    const circle = this.#circle(backend, by);
    if (circle.length > 0) {
      if (!circle.some(({ waitsAtTakenKey }) => waitsAtTakenKey)) this.deadlocks += 1;
      return this.#refuse(backend, { tx, error: new DatabaseError('40P01'), answers });
    }
    if (tx !== backend.tx) backend.single = tx;
    backend.waitsFor = by;
    const [request] = backend.queue;
    backend.lockTimer ??= this.scheduler.after(this.actor, LOCK_TIMEOUT_MS, 'lock timeout', () => {
      if (backend.queue[0] !== request) return;
      this.#unblock(backend);
      const late: Answers = [];
      this.#refuse(backend, { tx, error: new DatabaseError('55P03'), answers: late });
      this.#send(backend, late);
      this.#pump(backend);
    });
  }

  #begin(backend: Backend): Transaction {
    const tx = new Transaction(backend.pid);
    tx.pauses = this.#latencies.pauses;
    return tx;
  }

  #pause(backend: Backend, tx: Transaction): void {
    if (tx !== backend.tx) backend.single = tx;
    backend.waitsFor = 'its turn';
    this.scheduler.after(this.actor, this.hop(), `turn of ${backend.pid}`, () => {
      if (backend.waitsFor !== 'its turn' || backend.isGone) return;
      this.#unblock(backend);
      this.#pump(backend);
    });
  }

  /** Those who wait for each other once this one waits; none when that is no circle. */
  #circle(backend: Backend, by: Transaction): readonly Backend[] {
    const waiting = [backend];
    for (let next = by; waiting.length <= this.backends.size; ) {
      const holder = this.#backendOf(next.pid);
      if (holder === backend) return waiting;
      if (!(holder?.waitsFor instanceof Transaction)) return [];
      waiting.push(holder);
      next = holder.waitsFor;
    }
    return [];
  }

  #backendOf(pid: number): Backend | null {
    for (const backend of this.backends) if (backend.pid === pid) return backend;
    return null;
  }

  #unblock(backend: Backend): void {
    if (backend.waitsFor !== 'standbys') backend.waitsFor = null;
    if (backend.lockTimer !== null) this.scheduler.cancel(backend.lockTimer);
    backend.lockTimer = null;
  }

  /** Ends a transaction: whoever waited for it tries again. */
  #end(tx: Transaction, committed: boolean): readonly (() => void)[] {
    const undo = tx.end(committed);
    for (const backend of this.backends) {
      if (backend.waitsFor !== tx) continue;
      this.scheduler.after(this.actor, 0, `wake ${backend.pid}`, () => {
        if (backend.waitsFor !== tx || backend.isGone) return;
        this.#unblock(backend);
        this.#pump(backend);
      });
    }
    return undo;
  }

  #send(backend: Backend, answers: Answers): void {
    if (answers.length === 0 || backend.isGone) return;
    if (this.faults?.losesAnswers() === true) {
      this.scheduler.note('answers lost');
      return this.terminate(backend);
    }
    backend.session.hear(answers);
  }

  /** A transaction that nobody goes on with is ended, so that it does not hold others up for ever. */
  #watchIdle(backend: Backend): void {
    const { tx } = backend;
    if (tx === null || backend.queue.length > 0 || backend.isGone) return;
    this.scheduler.after(this.actor, IDLE_IN_TRANSACTION_MS, 'idle in transaction', () => {
      if (backend.tx === tx && backend.queue.length === 0 && backend.waitsFor === null) this.terminate(backend);
    });
  }
}
