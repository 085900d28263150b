import { errorOf } from '@tradestream/runtime';
import type { NodeAddress } from '../database-config.ts';
import { openSession } from '../driver/open-session.ts';
import { DatabaseError } from '../errors.ts';
import type { PoolSession } from '../session.ts';
import { openingsWanted, pauseAfter } from './connect-pauses.ts';
import type { ResolvedPool } from './pool-config.ts';

/** One attempt to connect: the next may find another way. */
const CONNECT_MS_MAX = 5_000;

export type OpenerOptions = {
  readonly address: NodeAddress;
  readonly config: ResolvedPool;
  /** Callers who wait, and connections that there are. */
  readonly demand: () => { readonly waiting: number; readonly live: number };
  readonly opened: (session: PoolSession, connectMs: number) => void;
  readonly failed: (error: DatabaseError) => void;
};

/** Opens connections as they are wanted; after a failure with pauses, one attempt at a time. */
export class Opener {
  readonly #options: OpenerOptions;
  readonly #openings = new Set<AbortController>();
  #pause: NodeJS.Timeout | null = null;
  #failures = 0;
  #lastFailure: DatabaseError | null = null;
  #stopped = false;

  constructor(options: OpenerOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#openings.size;
  }

  /** Of the last attempt; null since one succeeded. */
  get failure(): DatabaseError | null {
    return this.#failures > 0 ? this.#lastFailure : null;
  }

  openWanted(): void {
    if (this.#stopped || this.#pause !== null) return;
    const { config, demand } = this.#options;
    const { minSize, maxSize } = config;
    const state = { ...demand(), minSize, maxSize, opening: this.#openings.size, failures: this.#failures };
    const count = openingsWanted(state);
    for (let started = 0; started < count; started += 1) void this.#open();
  }

  /** A caller who gave up leaves no connection being made for him. */
  abortUnwanted(): void {
    const { waiting, live } = this.#options.demand();
    const wanted = Math.max(waiting, this.#options.config.minSize - live);
    for (const opening of [...this.#openings].toReversed()) {
      if (this.#openings.size <= wanted) return;
      this.#openings.delete(opening);
      opening.abort(new Error('nobody waits for the connection any more'));
    }
  }

  /** Gives up what is being opened and opens nothing until `resume`. */
  stop(reason: Error): void {
    this.#stopped = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    for (const opening of this.#openings) opening.abort(reason);
    this.#openings.clear();
  }

  resume(): void {
    this.#stopped = false;
    this.#failures = 0;
    this.openWanted();
  }

  async #open(): Promise<void> {
    const aborting = new AbortController();
    this.#openings.add(aborting);
    const startedMs = performance.now();
    const { address, config, opened } = this.#options;
    try {
      const session = await openSession({
        url: address.url,
        applicationName: config.applicationName,
        connectTimeoutMs: Math.min(config.acquireTimeout, CONNECT_MS_MAX),
        settings: { statement_timeout: String(config.queryTimeout), ...config.settings },
        requireDurable: config.requireDurable,
        signal: aborting.signal,
        onFailure: (error) => config.observer.failed(error),
        onAnswer: (ms) => config.observer.answered(ms),
      });
      this.#openings.delete(aborting);
      if (aborting.signal.aborted) return session.destroy(new Error('nobody waits for the connection any more'));
      this.#failures = 0;
      opened(session, performance.now() - startedMs);
    } catch (error) {
      this.#openings.delete(aborting);
      if (!aborting.signal.aborted) this.#failed(error);
    }
    this.openWanted();
  }

  #failed(thrown: unknown): void {
    const isKnown = thrown instanceof DatabaseError;
    const error = isKnown ? thrown : new DatabaseError('DB_CONNECTION_FAILED', { cause: errorOf(thrown) });
    this.#failures += 1;
    this.#lastFailure = error;
    const pauseMs = pauseAfter(this.#failures, Math.random);
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.openWanted();
    }, pauseMs);
    this.#pause.unref();
    this.#options.failed(error);
  }
}
