import type { Rows, Statement } from '../session.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { Lent } from './lent.ts';
import { runFlight } from './run-flight.ts';

/** A connection that carries flights: it goes back to the pool when the last of them has landed. */
type Carrier = { readonly lent: Lent; readonly sinceMs: number; flights: number };

/** Flights on one connection: each waits for those before it. */
const FLIGHTS_MAX = 16;
/** After so long a carrier takes no more, so that it comes back to the pool, which looks after it, and to others. */
const CARRIER_MS = 1_000;

/**
 * Statements on snapshots, each flight one round trip. It has a connection of its own while the pool has one; where
 * all are in use it travels behind another one, which costs less than to wait for a connection. Nobody is overtaken:
 * who waits for a connection gets the next.
 */
export class FlightDeck {
  readonly #pool: ConnectionPool;
  readonly #carriers = new Set<Carrier>();

  constructor(pool: ConnectionPool) {
    this.#pool = pool;
  }

  /** Flights that share a connection with others: load that the pool's own counts do not show. */
  get extra(): number {
    let extra = 0;
    for (const { flights } of this.#carriers) extra += flights - 1;
    return extra;
  }

  /** @throws {DatabaseError} as `acquire` of the pool and `runFlight` */
  async fly(
    statements: readonly Statement[],
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<readonly Rows<object>[]> {
    const carrier = this.#shared() ?? (await this.#take(options));
    carrier.flights += 1;
    const { meter, config } = this.#pool;
    try {
      return await runFlight({ session: carrier.lent.session, meter, statements, timeoutMs: config.queryTimeout });
    } finally {
      carrier.flights -= 1;
      if (carrier.flights === 0) await this.#giveBack(carrier);
    }
  }

  /** The node is gone: whoever waits for an answer of it gets an error now. */
  cutOff(reason: Error): void {
    for (const { lent } of this.#carriers) lent.session.destroy(reason);
  }

  #shared(): Carrier | null {
    if (this.#carriers.size === 0 || this.#pool.hasRoom) return null;
    const youngestMs = performance.now() - CARRIER_MS;
    let best: Carrier | null = null;
    for (const carrier of this.#carriers) {
      const { lent, sinceMs, flights } = carrier;
      if (sinceMs < youngestMs || flights >= FLIGHTS_MAX || lent.session.closed.aborted) continue;
      if (best === null || flights < best.flights) best = carrier;
    }
    return best;
  }

  async #take(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<Carrier> {
    const lent = await this.#pool.acquire(options);
    const carrier = { lent, sinceMs: performance.now(), flights: 0 };
    this.#carriers.add(carrier);
    return carrier;
  }

  async #giveBack(carrier: Carrier): Promise<void> {
    this.#carriers.delete(carrier);
    if (!this.#pool.takeBack(carrier.lent)) await this.#pool.release(carrier.lent);
  }
}
