import { type Closeable, errorOf, waitFor } from '@tradestream/runtime';
import type { NodeAddress } from '../database-config.ts';
import { DatabaseError } from '../errors.ts';
import type { ResolvedPool } from '../pool/pool-config.ts';
import type { PoolListener } from '../pool/pool-events.ts';
import { chooseReaders, type ReadPreference } from './choose-readers.ts';
import { ClusterNode, type NodeStatus } from './cluster-node.ts';
import { type ClusterMemory, electPrimary, NOTHING_KNOWN } from './elect-primary.ts';
import { LagClock } from './lag-clock.ts';
import { judgeLag, NOT_LAGGING } from './node-health.ts';
import type { ResolvedReplication } from './replication-config.ts';

// The primary is: confirmed (the last look found it) -> suspect (a caller met an error there) -> confirmed
// or unknown (nobody claims to be it). Writes are given to a confirmed one only.

export type ClusterEvent =
  | {
      readonly type: 'primary-changed';
      readonly from: string | null;
      readonly to: string | null;
      readonly timeline: number;
    }
  | { readonly type: 'node-changed'; readonly node: NodeStatus };

export type ClusterOptions = {
  /** The configured master first. */
  readonly addresses: readonly NodeAddress[];
  readonly pool: ResolvedPool;
  readonly replication: ResolvedReplication;
  readonly poolListener: PoolListener;
  readonly listener: (event: ClusterEvent) => void;
};

/** Looks follow one another this fast while there is no primary. */
const SEARCH_MS = 100;

/** The nodes of a cluster: who is primary, who is fit to be read, watched all the time. */
export class Cluster implements Closeable {
  readonly nodes: readonly ClusterNode[];
  readonly #options: ClusterOptions;
  readonly #clock = new LagClock();
  readonly #waiting = new Set<() => void>();
  #memory: ClusterMemory = NOTHING_KNOWN;
  #primary: ClusterNode | null = null;
  /** Looks that have begun; those up to `#doubtedAt` cannot confirm the primary. */
  #begun = 0;
  #done = 0;
  #doubtedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #closing: Promise<void> | null = null;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { pool, poolListener, addresses } = options;
    this.nodes = addresses.map((address) => new ClusterNode({ address, config: pool, listener: poolListener }));
    this.#look();
  }

  get timeline(): number {
    return this.#memory.timeline;
  }

  get systemIdentifier(): string | null {
    return this.#memory.systemIdentifier;
  }

  /** As of the last look; null when nobody was it. */
  get primaryName(): string | null {
    return this.#primary?.name ?? null;
  }

  /** The primary when the last look leaves no doubt about it. */
  get confirmed(): ClusterNode | null {
    return this.#closing === null && this.#done > this.#doubtedAt ? this.#primary : null;
  }

  /** Whether a standby confirms the primary's commits; null when no primary is known or the role may not see it. */
  get isConfirmed(): boolean | null {
    const standbys = this.#primary?.reading?.standbys;
    if (standbys === undefined || standbys.some(({ syncState }) => syncState === null)) return null;
    return standbys.some(({ syncState }) => syncState === 'sync' || syncState === 'quorum');
  }

  status(): readonly NodeStatus[] {
    return this.nodes.map((node) => node.status(this.primaryName));
  }

  /**
   * The primary, once a look has confirmed it.
   * @throws {DatabaseError} DB_PRIMARY_UNKNOWN when none is found in time; DB_CONNECTION_FAILED when no node can
   * be reached; the server's refusal (a wrong password) at once
   */
  async primary(timeoutMs: number): Promise<ClusterNode> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      if (this.#closing !== null) throw new DatabaseError('DB_POOL_CLOSED');
      const { confirmed } = this;
      if (confirmed !== null) return confirmed;
      const refusal = this.nodes.find((node) => node.failure?.retry === 'never')?.failure ?? null;
      if (this.#done > 0 && this.#primary === null && refusal !== null) throw refusal;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw this.#noPrimary(timeoutMs);
      await this.#nextLook(leftMs);
    }
  }

  /** Nodes to read at, best first; waits for the first look at them. */
  async readers(preference: ReadPreference, timeoutMs: number): Promise<readonly ClusterNode[]> {
    if (!this.hasLooked) await this.#nextLook(timeoutMs);
    return chooseReaders(this.nodes, preference, Math.random);
  }

  get hasLooked(): boolean {
    return this.#done > 0;
  }

  /** For a reader who sees by the answer itself whether it is fresh: those that the preference names and that are fit. */
  preferredReaders(preference: ReadPreference): readonly ClusterNode[] {
    if (preference === 'primary') return [];
    const readers = chooseReaders(this.nodes, preference, Math.random);
    return preference === 'nearest' ? readers : readers.filter((node) => !node.isPrimary);
  }

  /** The primary, and those that lag or are down, which may answer such a reader all the same. */
  otherReaders(preference: ReadPreference, preferred: readonly ClusterNode[]): readonly ClusterNode[] {
    const left = this.nodes.filter((node) => !preferred.includes(node));
    const last = preference === 'primary' ? [] : left.filter((node) => !node.isPrimary && node.quarantine === null);
    return [...left.filter((node) => node.isPrimary), ...last];
  }

  /**
   * A caller met an error that a change of primary explains: nobody is given this one until a look confirms it.
   * Of a replica that was fit a look tells whether it still is.
   */
  suspect(node: ClusterNode): void {
    if (node !== this.#primary) {
      if (node.reading !== null) this.#look();
      return;
    }
    this.#doubtedAt = this.#begun;
    this.#look();
  }

  /** Looks now. Resolves when a look that began after this call is done. */
  async refresh(timeoutMs: number): Promise<void> {
    await this.#looking;
    this.#look();
    await waitFor(this.#looking ?? Promise.resolve(), { timeoutMs, stage: 'look at the nodes' });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  #look(): void {
    if (this.#closing !== null) return;
    if (this.#looking !== null) {
      this.#lookAgain = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#looking = this.#lookAtAll().finally(() => {
      this.#looking = null;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#closing !== null) return;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      return this.#look();
    }
    const { checkInterval } = this.#options.replication;
    const pauseMs = this.#primary === null ? Math.min(SEARCH_MS, checkInterval) : checkInterval;
    this.#timer = setTimeout(() => this.#look(), pauseMs);
    this.#timer.unref();
  }

  async #lookAtAll(): Promise<void> {
    const { checkTimeout } = this.#options.replication;
    const before = new Map(this.status().map((status) => [status.name, status]));
    this.#begun += 1;
    const number = this.#begun;
    await Promise.all(
      this.nodes.map(async (node) => {
        try {
          node.noteReading(await node.probe.look(checkTimeout));
        } catch (error) {
          const isTyped = error instanceof DatabaseError;
          node.noteFailure(isTyped ? error : new DatabaseError('DB_CONNECTION_FAILED', { cause: errorOf(error) }));
        }
      }),
    );
    if (this.#closing !== null) return;
    this.#elect();
    this.#measureLag();
    this.#done = number;
    for (const status of this.status()) {
      const earlier = before.get(status.name);
      if (earlier?.state !== status.state || earlier.role !== status.role) {
        this.#options.listener({ type: 'node-changed', node: status });
      }
    }
    for (const wake of this.#waiting) wake();
  }

  #elect(): void {
    const claims = this.nodes.flatMap(({ name, reading }) => (reading === null ? [] : [{ name, ...reading }]));
    const { primary, quarantined, memory } = electPrimary(claims, this.#memory);
    const former = this.#memory.primary;
    this.#memory = memory;
    this.#primary = this.nodes.find((node) => node.name === primary) ?? null;
    for (const node of this.nodes) {
      node.isPrimary = node === this.#primary;
      node.quarantine = quarantined.get(node.name) ?? null;
      this.#fence(node, former);
    }
    if (primary !== null && primary !== former) {
      this.#options.listener({ type: 'primary-changed', from: former, to: primary, timeline: memory.timeline });
    }
  }

  /** Nothing goes to a node in quarantine, nor to a former primary before it is seen as a standby. */
  #fence(node: ClusterNode, former: string | null): void {
    const isFormer = node.name === former && this.#primary !== null && node !== this.#primary;
    const isStandby = node.reading?.inRecovery === true;
    if (node.quarantine !== null || (isFormer && !isStandby)) {
      const reason = node.quarantine ?? `${this.#primary?.name ?? 'another node'} is primary now`;
      node.pool.fence(new DatabaseError('DB_NODE_FENCED', { context: { node: node.name }, detail: reason }));
    } else if (node === this.#primary || isStandby) {
      node.pool.liftFence();
    }
  }

  #measureLag(): void {
    const { maxLag, maxLagBytes } = this.#options.replication;
    const nowMs = performance.now();
    const primary = this.#primary?.reading ?? null;
    if (primary !== null) this.#clock.note(nowMs, primary.lsn);
    for (const node of this.nodes) {
      const { reading } = node;
      if (node === this.#primary || reading === null) {
        node.lag = NOT_LAGGING;
        node.lagBytes = 0;
        node.lagMs = 0;
        continue;
      }
      node.lagBytes = this.#clock.lagBytes(reading.lsn);
      node.lagMs = this.#clock.lagMs(nowMs, reading.lsn);
      node.lag = judgeLag(node.lag, { bytes: node.lagBytes, ms: node.lagMs }, { bytesMax: maxLagBytes, msMax: maxLag });
      const seen = primary?.standbys.find(({ name }) => name === reading.clusterName || name === node.name);
      node.syncState = seen?.syncState ?? null;
    }
  }

  async #nextLook(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.max(1, timeoutMs));
      this.#waiting.add(wake);
    });
  }

  #noPrimary(timeoutMs: number): DatabaseError {
    const states = this.status().map(
      ({ name, state, reason }) => `${name} ${state}${reason === null ? '' : ` ${reason}`}`,
    );
    const failures = this.nodes.flatMap((node) => node.failure ?? []);
    const [cause] = failures;
    const code = failures.length === this.nodes.length ? 'DB_CONNECTION_FAILED' : 'DB_PRIMARY_UNKNOWN';
    return new DatabaseError(code, { cause, context: { timeoutMs, nodes: states.join(', ') } });
  }

  async #shut(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const wake of this.#waiting) wake();
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.#looking;
    // A look that was under way may have opened a probe's connection again.
    await Promise.all(this.nodes.map((node) => node.probe.close()));
  }
}
