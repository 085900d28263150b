import { type Closeable, Scope } from '@tradestream/runtime';
import type { NodeAddress } from '../config.ts';
import { NodeLink, type NodeLinkOptions } from './node-link.ts';

/** What the monitor keeps may be lost with the server's last moments: its commits wait for no disk and no standby. */
const WRITER_SETTINGS = { synchronous_commit: 'off' } as const;
/** Longest statement of long work, ms: it goes in portions, each well below this. */
const WORK_TIMEOUT_MS = 15_000;

type LinksOptions = Required<Pick<NodeLinkOptions, 'timeoutMs' | 'openSession'>>;

/** The connections to every node: one that watches, and those that write, made only when they are used. */
export class NodeLinks implements Closeable {
  readonly #watchers: ReadonlyMap<string, NodeLink>;
  readonly #writers: ReadonlyMap<string, NodeLink>;
  readonly #keepers: ReadonlyMap<string, NodeLink>;
  readonly #operators: ReadonlyMap<string, NodeLink>;
  readonly #scope = new Scope();

  constructor(nodes: readonly NodeAddress[], { timeoutMs, openSession }: LinksOptions) {
    const open = (options: { readonly timeoutMs: number; readonly settings?: Readonly<Record<string, string>> }) =>
      new Map(
        nodes.map(({ name, url }) => [name, this.#scope.use(new NodeLink({ name, url, openSession, ...options }))]),
      );
    this.#watchers = open({ timeoutMs });
    this.#writers = open({ timeoutMs, settings: WRITER_SETTINGS });
    this.#keepers = open({ timeoutMs: Math.max(timeoutMs, WORK_TIMEOUT_MS) });
    this.#operators = open({ timeoutMs: Math.max(timeoutMs, WORK_TIMEOUT_MS) });
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

  /** For the rows of jobs: a commit there is as safe as that of a command. */
  keeper(name: string): NodeLink | null {
    return this.#keepers.get(name) ?? null;
  }

  /** As safe, for what operators look at and ask for: their statements may take longer. */
  operator(name: string): NodeLink | null {
    return this.#operators.get(name) ?? null;
  }

  close(): Promise<void> {
    return this.#scope.close();
  }
}
