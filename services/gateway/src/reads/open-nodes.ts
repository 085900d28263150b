import { type Closeable, type Logger, Scope } from '@tradestream/runtime';
import type { Databases } from '../config.ts';
import type { ReadNodes, ReadPreference } from './read-nodes.ts';
import { SessionNode } from './session-node.ts';

/** The primary and its replicas. */
export class DatabaseNodes implements ReadNodes, Closeable {
  readonly primary: SessionNode;
  readonly #replicas: readonly SessionNode[];
  readonly #scope = new Scope();
  #turn = 0;

  constructor(databases: Databases, options: { readonly sessionsMax: number; readonly log: Logger }) {
    const { sessionsMax, log } = options;
    this.primary = this.#scope.use(new SessionNode({ name: 'primary', url: databases.primary, sessionsMax, log }));
    this.#replicas = Object.entries(databases.replicas).map(([name, url]) =>
      this.#scope.use(new SessionNode({ name, url, sessionsMax, log })),
    );
  }

  /** Replicas take turns; one that could not be reached a moment ago comes last. */
  choose(preference: ReadPreference) {
    this.#turn += 1;
    const { primary } = this;
    if (preference === 'primary') return { preferred: [], primary };
    const candidates = preference === 'nearest' ? [...this.#replicas, primary] : this.#replicas;
    const start = candidates.length === 0 ? 0 : this.#turn % candidates.length;
    const turned = [...candidates.slice(start), ...candidates.slice(0, start)];
    const preferred = [...turned.filter((node) => node.isUp), ...turned.filter((node) => !node.isUp)];
    return { preferred, primary };
  }

  close(): Promise<void> {
    return this.#scope.close();
  }
}
