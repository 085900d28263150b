import { AppError, type Closeable, errorOf, waitFor } from '@tradestream/runtime';
import type { NodeAddress } from '../database-config.ts';
import { DatabaseError } from '../errors.ts';
import type { PoolSession } from '../session.ts';
import { cleanReturn, isClean } from './clean-return.ts';
import { type Lent, newLent, stackOf } from './lent.ts';
import { Opener } from './opener.ts';
import type { ResolvedPool } from './pool-config.ts';
import type { PoolEvent, PoolListener } from './pool-events.ts';
import { type CloseReason, PoolMeter } from './pool-meter.ts';
import { sweepPool } from './sweep.ts';
import { WaitQueue } from './wait-queue.ts';

export type AcquireOptions = {
  /** Overrides `acquireTimeout`, milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Remembers who asks, to name him when he does not give the connection back. */
  readonly borrower?: Error | null;
};

export type PoolCounts = {
  readonly active: number;
  readonly idle: number;
  readonly opening: number;
  readonly total: number;
  readonly waiting: number;
};

/** A connection used within this needs no sign of life before it is lent again. */
const FRESH_MS = 500;
const DRAIN_MS = 5_000;

/** Connections to one node: opened as needed, lent one caller at a time in the order of asking. */
export class ConnectionPool implements Closeable {
  readonly address: NodeAddress;
  readonly config: ResolvedPool;
  readonly meter = new PoolMeter();
  readonly #listener: PoolListener;
  readonly #all = new Set<Lent>();
  /** The one used last is lent first, so that the others can go when they are not needed. */
  readonly #idle: Lent[] = [];
  readonly #queue = new WaitQueue();
  readonly #opener: Opener;
  readonly #sweeper: NodeJS.Timeout;
  #fence: DatabaseError | null = null;
  #closing: Promise<void> | null = null;
  #drained: (() => void) | null = null;

  constructor(options: { address: NodeAddress; config: ResolvedPool; listener: PoolListener }) {
    this.address = options.address;
    this.config = options.config;
    this.#listener = options.listener;
    const { evictionRunInterval, healthCheck, leakDetectionThreshold } = options.config;
    const periods = [evictionRunInterval, healthCheck.interval, leakDetectionThreshold / 2];
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(...periods.filter((period) => period > 0)));
    this.#sweeper.unref();
    this.#opener = new Opener({
      address: this.address,
      config: this.config,
      demand: () => ({ waiting: this.#queue.size, live: this.#all.size }),
      opened: (session, connectMs) => this.#admit(session, connectMs),
      failed: (error) => this.#connectFailed(error),
    });
    this.#opener.openWanted();
  }

  get counts(): PoolCounts {
    const idle = this.#idle.length;
    const opening = this.#opener.count;
    const total = this.#all.size;
    return { active: total - idle, idle, opening, total, waiting: this.#queue.size };
  }

  /** Callers who have a connection or wait for one. */
  get load(): number {
    return this.#all.size - this.#idle.length + this.#queue.size;
  }

  /** Whether who asks now need not wait for another's, or has others before him. */
  get hasRoom(): boolean {
    return this.#idle.length > 0 || this.#queue.size > 0 || this.#all.size + this.#opener.count < this.config.maxSize;
  }

  /**
   * A connection, or an error within the time whatever the network does.
   * @throws {DatabaseError} DB_POOL_TIMEOUT (all are lent), DB_CONNECTION_FAILED (the server cannot be
   * reached), DB_POOL_QUEUE_FULL, DB_POOL_CLOSED, DB_NODE_FENCED, or the server's refusal
   */
  async acquire(options: AcquireOptions = {}): Promise<Lent> {
    const startedMs = performance.now();
    const deadlineMs = startedMs + (options.timeoutMs ?? this.config.acquireTimeout);
    for (;;) {
      this.#refuseWhenShut();
      const lent = this.#takeIdle(startedMs) ?? (await this.#wait(deadlineMs, options.signal));
      if (!this.#isFresh(lent) && !(await this.#isUsable(lent, deadlineMs))) continue;
      const nowMs = performance.now();
      lent.busySinceMs = nowMs;
      lent.borrower = options.borrower ?? null;
      lent.leakReported = false;
      lent.statement = '';
      this.meter.acquired += 1;
      this.meter.waits.observe(nowMs - startedMs);
      this.config.observer.waited(nowMs - startedMs);
      return lent;
    }
  }

  /** Takes back at once what nothing has to be done for; false when `release` has to look at it. */
  takeBack(lent: Lent): boolean {
    if (lent.state !== 'busy' || lent.altered || !isClean(lent.session)) return false;
    this.meter.uses.observe(performance.now() - lent.busySinceMs);
    lent.borrower = null;
    this.#put(lent);
    return true;
  }

  /** Takes a connection back. One inside a transaction is rolled back first, and reported. */
  async release(lent: Lent): Promise<void> {
    if (this.takeBack(lent) || lent.state !== 'busy') return;
    this.meter.uses.observe(performance.now() - lent.busySinceMs);
    const returned = await cleanReturn(lent.session);
    switch (returned.kind) {
      case 'lost':
        return this.discard(lent, 'lost', returned.error);
      case 'broken':
        this.#reportDirty(lent);
        return this.discard(lent, 'broken', returned.error);
      case 'rolled back':
        this.#reportDirty(lent);
        break;
      case 'clean':
        break;
    }
    lent.borrower = null;
    if (lent.altered) return this.discard(lent, 'altered', new Error('its session was altered'));
    this.#put(lent);
  }

  /** No longer lends: those who wait are refused, what is lent is cut off. */
  fence(error: DatabaseError): void {
    if (this.#fence !== null) return;
    this.#fence = error;
    this.#queue.refuseAll(() => error);
    this.#opener.stop(error);
    for (const lent of this.#all) this.discard(lent, 'fenced', error);
  }

  liftFence(): void {
    if (this.#fence === null || this.#closing !== null) return;
    this.#fence = null;
    this.#opener.resume();
  }

  /** Closes all that is idle: whoever asks next gets a connection made anew. */
  evictIdle(): void {
    for (const lent of this.#idle.slice()) this.discard(lent, 'unhealthy', new Error('the pool was told to reconnect'));
  }

  /** Waits for what is lent for five seconds, then cuts it off. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  discard(lent: Lent, reason: CloseReason, error: Error): void {
    if (lent.state === 'gone') return;
    const wasIdle = lent.state === 'idle';
    this.#forget(lent, reason);
    // An idle connection is closed politely, for which nobody waits.
    if (wasIdle && reason !== 'unhealthy') void lent.session.close();
    else lent.session.destroy(error);
    this.#opener.openWanted();
  }

  #refuseWhenShut(): void {
    if (this.#closing !== null) throw new DatabaseError('DB_POOL_CLOSED', { context: { node: this.address.name } });
    if (this.#fence !== null) throw this.#fence;
  }

  /** Nobody overtakes those who wait. */
  #takeIdle(nowMs: number): Lent | null {
    if (this.#queue.size > 0) return null;
    for (let lent = this.#idle.pop(); lent !== undefined; lent = this.#idle.pop()) {
      lent.state = 'busy';
      if (nowMs - lent.openedMs < lent.lifetimeMs) return lent;
      this.discard(lent, 'lifetime', new Error('the connection is old'));
    }
    return null;
  }

  async #wait(deadlineMs: number, signal: AbortSignal | undefined): Promise<Lent> {
    const sinceMs = performance.now();
    if (this.#queue.size >= this.config.maxWaiting && this.#cannotOpenMore()) {
      this.meter.queueRefusals += 1;
      throw this.#noted(new DatabaseError('DB_POOL_QUEUE_FULL', { context: this.#figures() }));
    }
    return await new Promise<Lent>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#queue.leave(waiter);
      };
      const refuse = (error: Error) => {
        leave();
        reject(error);
        this.#opener.abortUnwanted();
      };
      const waiter = {
        sinceMs,
        give: (lent: Lent) => {
          leave();
          resolve(lent);
        },
        refuse,
      };
      const onAbort = () => refuse(new DatabaseError('DB_POOL_TIMEOUT', { cause: signal?.reason, detail: 'aborted' }));
      const timer = setTimeout(() => refuse(this.#timeoutError(sinceMs)), Math.max(1, deadlineMs - sinceMs));
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.add(waiter);
      this.#opener.openWanted();
    });
  }

  #cannotOpenMore(): boolean {
    return this.#all.size + this.#opener.count >= this.config.maxSize || this.#opener.failure !== null;
  }

  /** Exhausted and unreachable are two things: one is mended in the application, one at the server. */
  #timeoutError(sinceMs: number): DatabaseError {
    this.meter.acquireTimeouts += 1;
    const { failure } = this.#opener;
    const context = { ...this.#figures(), waitedMs: Math.round(performance.now() - sinceMs) };
    const isExhausted = this.#all.size >= this.config.maxSize;
    if (isExhausted) return this.#noted(new DatabaseError('DB_POOL_TIMEOUT', { context }));
    if (failure !== null) {
      return new DatabaseError('DB_CONNECTION_FAILED', { cause: failure, context, detail: failure.code });
    }
    return new DatabaseError('DB_CONNECTION_FAILED', { context, detail: 'the server has not answered in time' });
  }

  #noted(error: DatabaseError): DatabaseError {
    this.config.observer.failed(error);
    return error;
  }

  #figures(): Readonly<Record<string, unknown>> {
    const { total, active, idle, waiting } = this.counts;
    return { node: this.address.name, total, active, idle, waiting };
  }

  #isFresh(lent: Lent): boolean {
    if (lent.session.closed.aborted) return false;
    return performance.now() - Math.max(lent.idleSinceMs, lent.checkedMs) < FRESH_MS;
  }

  /** Asks a connection that rested for a sign of life; a silent one is closed with all that rested as long. */
  async #isUsable(lent: Lent, deadlineMs: number): Promise<boolean> {
    if (lent.session.closed.aborted) {
      this.#forget(lent, 'lost');
      return false;
    }
    return await this.#isAlive(lent, Math.min(this.config.healthCheck.timeout, deadlineMs - performance.now()));
  }

  /** Takes one that rests out of the lending for the moment of the check. */
  async checkIdle(lent: Lent): Promise<void> {
    const at = this.#idle.indexOf(lent);
    if (at === -1) return;
    this.#idle.splice(at, 1);
    lent.state = 'busy';
    const { idleSinceMs } = lent;
    if (!(await this.#isAlive(lent, this.config.healthCheck.timeout))) return;
    this.#put(lent);
    lent.idleSinceMs = idleSinceMs; // the check is no use
  }

  async #isAlive(lent: Lent, timeoutMs: number): Promise<boolean> {
    try {
      await waitFor(lent.session.query({ text: '' }), { timeoutMs: Math.max(1, timeoutMs), stage: 'sign of life' });
      lent.checkedMs = performance.now();
      return true;
    } catch (error) {
      this.discard(lent, 'unhealthy', errorOf(error));
      for (const other of this.#idle.slice()) {
        if (performance.now() - other.checkedMs >= FRESH_MS) this.discard(other, 'unhealthy', errorOf(error));
      }
      return false;
    }
  }

  #reportDirty(lent: Lent): void {
    this.meter.dirtyReturns += 1;
    const { backendPid } = lent.session;
    this.#tell({
      type: 'dirty-return',
      node: this.address.name,
      backendPid,
      stack: stackOf(lent),
      statement: lent.statement,
    });
  }

  /** To the next who waits, or among the idle. */
  #put(lent: Lent): void {
    if (lent.state === 'gone') return;
    const nowMs = performance.now();
    if (this.#closing !== null) return this.discard(lent, 'closed', new Error('the pool is closed'));
    if (nowMs - lent.openedMs >= lent.lifetimeMs)
      return this.discard(lent, 'lifetime', new Error('the connection is old'));
    lent.idleSinceMs = nowMs;
    const waiter = this.#queue.next();
    if (waiter !== null) return waiter.give(lent);
    lent.state = 'idle';
    this.#idle.push(lent);
  }

  #admit(session: PoolSession, connectMs: number): void {
    this.meter.opened += 1;
    this.meter.connects.observe(connectMs);
    const lent = newLent(session, this.config.maxLifetime, performance.now());
    this.#all.add(lent);
    session.closed.addEventListener('abort', () => this.#forget(lent, 'lost'), { once: true });
    this.#tell({ type: 'opened', node: this.address.name, backendPid: session.backendPid });
    this.#put(lent);
  }

  #connectFailed(error: DatabaseError): void {
    this.meter.connectFailures += 1;
    this.#tell({ type: 'connect-failed', node: this.address.name, error });
    // A password is not mended by waiting.
    if (error.retry === 'never') this.#queue.refuseAll(() => error);
  }

  #forget(lent: Lent, reason: CloseReason): void {
    if (lent.state === 'gone') return;
    const at = this.#idle.indexOf(lent);
    if (at !== -1) this.#idle.splice(at, 1);
    lent.state = 'gone';
    this.#all.delete(lent);
    this.meter.closed[reason] += 1;
    this.#tell({ type: 'closed', node: this.address.name, backendPid: lent.session.backendPid, reason });
    if (this.#all.size === 0) this.#drained?.();
    this.#opener.openWanted();
  }

  #sweep(): void {
    sweepPool({ pool: this, lent: [...this.#all], idle: this.#idle, tell: (event) => this.#tell(event) });
    this.#opener.openWanted();
  }

  async #shut(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#queue.refuseAll(() => new DatabaseError('DB_POOL_CLOSED', { context: { node: this.address.name } }));
    this.#opener.stop(new Error('the pool is closed'));
    const closing = [...this.#idle].map(async (lent) => {
      this.#forget(lent, 'closed');
      await lent.session.close();
    });
    if (this.#all.size > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      await waitFor(drained, { timeoutMs: DRAIN_MS, stage: 'drain the pool' }).catch((error: unknown) => {
        for (const lent of this.#all) this.discard(lent, 'closed', errorOf(error));
      });
    }
    await Promise.all(closing);
  }

  #tell(event: PoolEvent): void {
    try {
      this.#listener(event);
    } catch (error) {
      // A listener's defect is not the pool's: it is shown and nothing else happens.
      process.emitWarning(error instanceof AppError ? error.message : errorOf(error));
    }
  }
}
