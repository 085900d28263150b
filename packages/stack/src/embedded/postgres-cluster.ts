import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ownerUrl } from '../endpoints/started-endpoints.ts';
import { StackError } from '../errors.ts';
import { copyRunningCluster } from '../parts/postgres-backup.ts';
import { copyCluster, initCluster, markStandby, type PostgresInstall, writeSettings } from '../parts/postgres-files.ts';
import { preparePostgres } from '../parts/postgres-part.ts';
import { firstQuorumMembers, nodeSettings, quorumOf } from '../parts/postgres-settings.ts';
import { runSql } from '../parts/run-sql.ts';
import type { StackState } from '../parts/stack-state.ts';
import { waitForStreaming } from '../parts/wait-for-streaming.ts';
import { type PartContext, PartProcess } from '../processes/part-process.ts';
import type { NodeName } from '../stack.ts';

export type ClusterOptions = {
  readonly install: PostgresInstall;
  readonly folder: string;
  readonly logFolder: string;
  readonly nodes: readonly NodeName[];
  readonly ports: Readonly<Record<NodeName, number>>;
  readonly state: StackState;
  readonly settings: Readonly<Record<string, string>>;
  readonly durable: boolean;
  readonly context: PartContext;
  /** Remembers who is primary, for a kept folder. */
  readonly savePrimary: (name: NodeName) => void;
};

const PROMOTE_MS = 20_000;

/** A primary and its standbys. Who is which changes by `promote` alone. */
export class PostgresCluster {
  readonly processes: ReadonlyMap<NodeName, PartProcess>;
  readonly #options: ClusterOptions;
  #primary: NodeName;
  /** Until the first promotion the third standby is asynchronous; after one, all that are left may answer. */
  #promoted: boolean;

  constructor(options: ClusterOptions) {
    const { install, nodes, ports, logFolder, context, state } = options;
    this.#options = options;
    this.#primary = nodes.includes(state.primary) ? state.primary : 'primary';
    this.#promoted = this.#primary !== 'primary';
    this.processes = new Map(
      nodes.map((name) => {
        const logFile = join(logFolder, `${name}.log`);
        const command = preparePostgres({
          install,
          name,
          dataFolder: this.#folderOf(name),
          logFile,
          port: ports[name],
        });
        return [name, new PartProcess(command, context)];
      }),
    );
  }

  get primary(): NodeName {
    return this.#primary;
  }

  get dataFolders(): readonly string[] {
    return this.#options.nodes.map((name) => this.#folderOf(name));
  }

  get standbys(): readonly NodeName[] {
    return this.#options.nodes.filter((name) => name !== this.#primary);
  }

  /** Makes what is missing in the folder, and writes every node's settings. Starts nothing. */
  async prepare(): Promise<void> {
    const { install, state, durable } = this.#options;
    const primaryFolder = this.#folderOf(this.#primary);
    if (!existsSync(join(primaryFolder, 'PG_VERSION'))) {
      await initCluster({ install, dataFolder: primaryFolder, secrets: state, durable });
      await Promise.all(this.standbys.map((name) => this.#copyCold(name)));
    }
    for (const name of this.#options.nodes) this.#writeSettings(name);
  }

  /** Starts all nodes at once. */
  async start(signal: AbortSignal | undefined): Promise<void> {
    await Promise.all([...this.processes.values()].map((process) => process.start(signal)));
  }

  /** Resolves when every standby receives WAL from the primary and has its place in the quorum. */
  async waitForStreaming(signal?: AbortSignal): Promise<void> {
    const primaryUrl = this.ownerUrl(this.#primary);
    await waitForStreaming({ primaryUrl, standbys: this.standbys, quorumMembers: this.#quorumMembers(), signal });
  }

  async promote(name: NodeName): Promise<void> {
    if (name === this.#primary) return;
    await this.#processOf(this.#primary).stop();
    const url = this.ownerUrl(name);
    const rows = await runSql<{ readonly done: boolean }>(
      url,
      `SELECT pg_promote(true, ${PROMOTE_MS / 1_000}) AS done`,
    );
    if (rows[0]?.done !== true) {
      throw new StackError('STACK_PROMOTE_FAILED', {
        context: { name, logFile: join(this.#options.logFolder, `${name}.log`) },
      });
    }
    const former = this.#primary;
    this.#primary = name;
    this.#promoted = true;
    this.#options.savePrimary(name);
    // What the former primary holds may go beyond what the new one has: it comes back as a fresh copy only.
    rmSync(this.#folderOf(former), { recursive: true, force: true });
    for (const node of this.#options.nodes) {
      if (node === former) continue;
      this.#writeSettings(node);
      this.#processOf(node).signal('SIGHUP');
    }
  }

  /** A stopped node on its own data, or from a fresh copy of the primary where it has none. */
  async startNode(name: NodeName): Promise<void> {
    const process = this.#processOf(name);
    if (process.pid !== null) return;
    if (!existsSync(join(this.#folderOf(name), 'PG_VERSION'))) {
      await copyRunningCluster({
        install: this.#options.install,
        url: this.ownerUrl(this.#primary),
        fromFolder: this.#folderOf(this.#primary),
        toFolder: this.#folderOf(name),
      });
    }
    this.#writeSettings(name);
    await process.start();
  }

  ownerUrl(name: NodeName): string {
    const { ports, state } = this.#options;
    return ownerUrl(state, ports[name]);
  }

  #processOf(name: NodeName): PartProcess {
    const process = this.processes.get(name);
    if (process === undefined) throw new StackError('STACK_PART_UNKNOWN', { context: { part: name } });
    return process;
  }

  #folderOf(name: NodeName): string {
    return join(this.#options.folder, name);
  }

  #quorumMembers(): readonly NodeName[] {
    return this.#promoted ? this.standbys : firstQuorumMembers(this.standbys);
  }

  async #copyCold(name: NodeName): Promise<void> {
    await copyCluster(this.#folderOf(this.#primary), this.#folderOf(name));
    markStandby(this.#options.install, this.#folderOf(name));
  }

  #writeSettings(name: NodeName): void {
    const { install, ports, settings, state } = this.#options;
    const source = name === this.#primary ? null : { port: ports[this.#primary], password: state.passwords.replicator };
    const quorum = quorumOf(this.#quorumMembers());
    const text = nodeSettings({ name, port: ports[name], source, quorum, extra: settings });
    writeSettings(install, this.#folderOf(name), text);
  }
}
