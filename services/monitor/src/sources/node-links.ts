import { type Closeable, Scope } from '@tradestream/runtime';
import type { NodeAddress } from '../config.ts';
import { NodeLink } from './node-link.ts';

/** What the monitor keeps may be lost with the server's last moments: its commits wait for no disk and no standby. */
const WRITER_SETTINGS = { synchronous_commit: 'off' } as const;

/** The connections to every node: one that watches, and one that writes and is made only when used. */
export class NodeLinks implements Closeable {
  readonly #watchers: ReadonlyMap<string, NodeLink>;
  readonly #writers: ReadonlyMap<string, NodeLink>;
  readonly #scope = new Scope();

  constructor(nodes: readonly NodeAddress[], timeoutMs: number) {
    const open = (settings: Readonly<Record<string, string>>) =>
      new Map(nodes.map(({ name, url }) => [name, this.#scope.use(new NodeLink({ name, url, timeoutMs, settings }))]));
    this.#watchers = open({});
    this.#writers = open(WRITER_SETTINGS);
  }

  get all(): readonly NodeLink[] {
    return [...this.#watchers.values()];
  }

  watcher(name: string): NodeLink | null {
    return this.#watchers.get(name) ?? null;
  }

  writer(name: string): NodeLink | null {
    return this.#writers.get(name) ?? null;
  }

  close(): Promise<void> {
    return this.#scope.close();
  }
}
