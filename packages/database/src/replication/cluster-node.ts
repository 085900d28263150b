import type { NodeAddress } from '../database-config.ts';
import type { DatabaseError } from '../errors.ts';
import { ConnectionPool } from '../pool/connection-pool.ts';
import { FlightDeck } from '../pool/flight-deck.ts';
import type { ResolvedPool } from '../pool/pool-config.ts';
import type { PoolListener } from '../pool/pool-events.ts';
import type { QuarantineReason } from './elect-primary.ts';
import { type LagState, NOT_LAGGING } from './node-health.ts';
import { NodeProbe, type NodeReading, type SyncState } from './node-probe.ts';

const SMOOTHING = 0.3;

/** A node as it was seen last. */
export type NodeStatus = {
  readonly name: string;
  readonly role: 'primary' | 'replica' | 'unknown';
  /** `down`: it could not be looked at. `quarantined`: it is not to be used, see `reason`. */
  readonly state: 'up' | 'lagging' | 'down' | 'quarantined';
  readonly healthy: boolean;
  /** A `QuarantineReason`, or the code of the failure. */
  readonly reason: string | null;
  /** Of a replica as the primary tells it; null where it is not connected or may not be seen. */
  readonly syncState: SyncState | null;
  /** Log not replayed yet, bytes; 0 on the primary. */
  readonly lagBytes: number;
  /** Since the oldest write not replayed yet; 0 on an idle primary. */
  readonly lagSeconds: number;
  readonly replayPaused: boolean;
  readonly timeline: number | null;
  readonly latencyMs: number;
};

/** One server: its pool, its probe, and what was seen of it. Only the cluster writes here. */
export class ClusterNode {
  readonly address: NodeAddress;
  readonly pool: ConnectionPool;
  readonly flights: FlightDeck;
  readonly probe: NodeProbe;
  isPrimary = false;
  reading: NodeReading | null = null;
  failure: DatabaseError | null = null;
  quarantine: QuarantineReason | null = null;
  syncState: SyncState | null = null;
  lag: LagState = NOT_LAGGING;
  lagBytes = 0;
  lagMs = 0;
  latencyMs = 0;
  #down = new AbortController();

  constructor(options: {
    readonly address: NodeAddress;
    readonly config: ResolvedPool;
    readonly listener: PoolListener;
  }) {
    this.address = options.address;
    this.pool = new ConnectionPool(options);
    this.flights = new FlightDeck(this.pool);
    this.probe = new NodeProbe(options.address, `${options.config.applicationName}-probe`);
  }

  /** Statements, or flights of them, that were sent or wait to be. */
  get inFlight(): number {
    return this.pool.load + this.flights.extra;
  }

  /** Reachable, of this cluster, within its lag bound. */
  get healthy(): boolean {
    return this.quarantine === null && this.reading !== null && !this.lag.lagging;
  }

  get name(): string {
    return this.address.name;
  }

  /** Aborts when a look finds the node gone: who waits for it need not wait any longer. */
  get down(): AbortSignal {
    return this.#down.signal;
  }

  noteReading(reading: NodeReading): void {
    if (this.#down.signal.aborted) this.#down = new AbortController();
    this.reading = reading;
    this.failure = null;
    this.latencyMs =
      this.latencyMs === 0 ? reading.latencyMs : this.latencyMs + SMOOTHING * (reading.latencyMs - this.latencyMs);
  }

  noteFailure(failure: DatabaseError): void {
    this.reading = null;
    this.failure = failure;
    this.syncState = null;
    this.#down.abort(failure);
    this.flights.cutOff(failure);
  }

  status(primary: string | null): NodeStatus {
    const isPrimary = this.name === primary;
    const state =
      this.quarantine !== null ? 'quarantined' : this.reading === null ? 'down' : this.lag.lagging ? 'lagging' : 'up';
    return {
      name: this.name,
      role: isPrimary ? 'primary' : this.reading?.inRecovery === true ? 'replica' : 'unknown',
      state,
      healthy: this.healthy,
      reason: this.quarantine ?? this.failure?.code ?? null,
      syncState: isPrimary ? null : this.syncState,
      lagBytes: this.lagBytes,
      lagSeconds: this.lagMs / 1_000,
      replayPaused: this.reading?.replayPaused ?? false,
      timeline: this.reading?.timeline ?? null,
      latencyMs: this.latencyMs,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.close(), this.probe.close()]);
  }
}
