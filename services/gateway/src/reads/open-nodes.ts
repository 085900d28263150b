import { type Closeable, type Logger, Scope } from '@tradestream/runtime';
import type { Databases } from '../config.ts';
import { NodeWatch } from './node-watch.ts';
import type { ReadNodes, ReadPreference } from './read-nodes.ts';
import { SessionNode } from './session-node.ts';

export type NodeOptions = {
  readonly sessionsMax: number;
  /** A replica that is later is asked only when no other answers, milliseconds. */
  readonly lagMsMax: number;
  readonly log: Logger;
};

/** The primary and its replicas. */
export class DatabaseNodes implements ReadNodes, Closeable {
  readonly primary: SessionNode;
  readonly #replicas: readonly SessionNode[];
  readonly #lagMsMax: number;
  readonly #scope = new Scope();
  #turn = 0;

  constructor(databases: Databases, { sessionsMax, lagMsMax, log }: NodeOptions) {
    this.#lagMsMax = lagMsMax;
    this.primary = this.#scope.use(new SessionNode({ name: 'primary', url: databases.primary, sessionsMax, log }));
    this.#replicas = Object.entries(databases.replicas).map(([name, url]) =>
      this.#scope.use(new SessionNode({ name, url, sessionsMax, log })),
    );
    this.#scope.use(new NodeWatch({ primary: this.primary, replicas: this.#replicas }));
  }

  /** Of the nodes that are up and near the primary the least busy first, equals in turn. */
  choose(preference: ReadPreference) {
    this.#turn += 1;
    const { primary } = this;
    if (preference === 'primary') return { preferred: [], others: [primary] };
    const candidates = preference === 'nearest' ? [...this.#replicas, primary] : this.#replicas;
    const start = candidates.length === 0 ? 0 : this.#turn % candidates.length;
    const turned = [...candidates.slice(start), ...candidates.slice(0, start)];
    const isGood = (node: SessionNode) => node.isUp && node.lagMs <= this.#lagMsMax;
    const preferred = turned.filter(isGood).toSorted((left, right) => left.inFlight - right.inFlight);
    return { preferred, others: [primary, ...turned.filter((node) => node !== primary && !isGood(node))] };
  }

  close(): Promise<void> {
    return this.#scope.close();
  }
}
