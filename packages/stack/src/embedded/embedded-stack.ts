import type { Closeable } from '@tradestream/runtime';
import { startedEndpoints } from '../endpoints/started-endpoints.ts';
import { StackError } from '../errors.ts';
import type { PortPlan } from '../parts/port-plan.ts';
import { runSql } from '../parts/run-sql.ts';
import type { StackState } from '../parts/stack-state.ts';
import type { PartProcess } from '../processes/part-process.ts';
import { type AccessTokens, type Endpoints, NODE_NAMES, type NodeName, type PartName, type Stack } from '../stack.ts';
import { type GivenEndpoints, mergeEndpoints } from '../stack-mode.ts';
import type { PostgresCluster } from './postgres-cluster.ts';
import type { RunFolders } from './run-folders.ts';

type EmbeddedParts = {
  readonly given: GivenEndpoints;
  readonly parts: readonly PartName[];
  readonly ports: PortPlan;
  readonly state: StackState;
  readonly cluster: PostgresCluster;
  readonly processes: readonly PartProcess[];
  readonly folders: RunFolders;
  readonly release: Closeable;
};

/** Processes of this machine, steered one by one. */
export class EmbeddedStack implements Stack {
  readonly mode = 'embedded';
  readonly tokens: AccessTokens;
  readonly logFolder: string;
  readonly #parts: EmbeddedParts;
  #closing: Promise<void> | null = null;

  constructor(parts: EmbeddedParts) {
    this.#parts = parts;
    this.tokens = parts.state.tokens;
    this.logFolder = parts.folders.logs;
  }

  get endpoints(): Endpoints {
    const { given, cluster } = this.#parts;
    const { primary, standbys } = cluster;
    return mergeEndpoints(startedEndpoints({ ...this.#parts, primary, standbys }), given);
  }

  get pids(): Readonly<Partial<Record<PartName, number>>> {
    const running = this.#parts.processes.map(({ command, pid }) => [command.name, pid] as const);
    return Object.fromEntries(running.filter(([, pid]) => pid !== null));
  }

  async promote(name: NodeName): Promise<void> {
    this.#processOf(name);
    await this.#parts.cluster.promote(name);
  }

  async pauseReplay(name: NodeName): Promise<void> {
    this.#processOf(name);
    await runSql(this.#parts.cluster.ownerUrl(name), 'SELECT pg_wal_replay_pause()');
  }

  async resumeReplay(name: NodeName): Promise<void> {
    this.#processOf(name);
    await runSql(this.#parts.cluster.ownerUrl(name), 'SELECT pg_wal_replay_resume()');
  }

  async stopPart(name: PartName, signal?: NodeJS.Signals): Promise<void> {
    await this.#processOf(name).stop(signal);
  }

  async startPart(name: PartName): Promise<void> {
    const process = this.#processOf(name);
    if (isNode(name)) await this.#parts.cluster.startNode(name);
    else await process.start();
  }

  signalPart(name: PartName, signal: NodeJS.Signals): void {
    this.#processOf(name).signal(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /**
   * Data that is kept is closed in order: first who writes to the primary, then the primary while its
   * standbys still listen, then these. Data that goes away needs no order and no time.
   */
  async #end(): Promise<void> {
    const { processes, folders, cluster, release } = this.#parts;
    try {
      if (!folders.kept) {
        await Promise.all(
          processes.map((process) => process.stop(isNode(process.command.name) ? 'SIGQUIT' : 'SIGKILL')),
        );
        return;
      }
      for (const { command } of processes) this.signalPart(command.name, 'SIGCONT');
      const others = processes.filter(({ command }) => !isNode(command.name));
      const nodes = processes.filter(({ command }) => isNode(command.name));
      await Promise.all(others.map((process) => process.stop()));
      await Promise.all(nodes.filter(({ command }) => command.name === cluster.primary).map((node) => node.stop()));
      await Promise.all(nodes.map((node) => node.stop()));
    } finally {
      await release.close();
    }
  }

  #processOf(name: PartName): PartProcess {
    const process = this.#parts.processes.find(({ command }) => command.name === name);
    if (process === undefined) throw new StackError('STACK_PART_UNKNOWN', { context: { part: name } });
    return process;
  }
}

function isNode(name: PartName): name is NodeName {
  return (NODE_NAMES as readonly string[]).includes(name);
}
