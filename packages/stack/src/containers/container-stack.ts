import { getContainerRuntimeClient, type StartedDockerComposeEnvironment } from 'testcontainers';
import { ownerUrl, startedEndpoints } from '../endpoints/started-endpoints.ts';
import { StackError } from '../errors.ts';
import type { PortPlan } from '../parts/port-plan.ts';
import { firstQuorumMembers, quorumOf } from '../parts/postgres-settings.ts';
import { runSql } from '../parts/run-sql.ts';
import type { StackState } from '../parts/stack-state.ts';
import { waitForStreaming } from '../parts/wait-for-streaming.ts';
import type { AccessTokens, Endpoints, NodeName, PartName, Stack } from '../stack.ts';
import { type GivenEndpoints, mergeEndpoints } from '../stack-mode.ts';

type ContainerParts = {
  readonly parts: readonly PartName[];
  readonly nodes: readonly NodeName[];
  readonly ports: PortPlan;
  readonly state: StackState;
  readonly given: GivenEndpoints;
  readonly started: StartedDockerComposeEnvironment;
};

const PROMOTE_SECONDS = 20;

/**
 * Containers of docker-compose.yml. Steered through the engine and through SQL. This class is
 * checked by its types and its choice by unit tests; it needs a machine with a Docker engine to run.
 */
export class ContainerStack implements Stack {
  readonly mode = 'containers';
  readonly tokens: AccessTokens;
  /** A container keeps its own log: `docker logs`. */
  readonly logFolder = null;
  readonly pids = {};
  readonly #of: ContainerParts;
  #primary: NodeName = 'primary';
  #promoted = false;
  #closing: Promise<void> | null = null;

  constructor(of: ContainerParts) {
    this.#of = of;
    this.tokens = of.state.tokens;
  }

  get endpoints(): Endpoints {
    return mergeEndpoints(
      startedEndpoints({ ...this.#of, primary: this.#primary, standbys: this.#standbys() }),
      this.#of.given,
    );
  }

  async waitForStreaming(signal: AbortSignal | undefined): Promise<void> {
    const standbys = this.#standbys();
    const quorumMembers = this.#promoted ? standbys : firstQuorumMembers(standbys);
    await waitForStreaming({ primaryUrl: this.#urlOf(this.#primary), standbys, quorumMembers, signal });
  }

  async promote(name: NodeName): Promise<void> {
    this.#requirePart(name);
    const former = this.#primary;
    if (name === former) return;
    await this.stopPart(former);
    const promoted = await runSql<{ readonly done: boolean }>(
      this.#urlOf(name),
      `SELECT pg_promote(true, ${PROMOTE_SECONDS}) AS done`,
    );
    if (promoted[0]?.done !== true) throw new StackError('STACK_PROMOTE_FAILED', { context: { name } });
    this.#primary = name;
    this.#promoted = true;
    const others = this.#standbys().filter((node) => node !== former);
    for (const node of others) {
      const conninfo = `host=${name} port=5432 user=tradestream_replicator password=${this.#of.state.passwords.replicator} application_name=${node}`;
      await runSql(this.#urlOf(node), `ALTER SYSTEM SET primary_conninfo = '${conninfo}'`, 'SELECT pg_reload_conf()');
    }
    const quorum = quorumOf(others);
    await runSql(
      this.#urlOf(name),
      `ALTER SYSTEM SET synchronous_standby_names = '${quorum}'`,
      'SELECT pg_reload_conf()',
    );
  }

  async pauseReplay(name: NodeName): Promise<void> {
    this.#requirePart(name);
    await runSql(this.#urlOf(name), 'SELECT pg_wal_replay_pause()');
  }

  async resumeReplay(name: NodeName): Promise<void> {
    this.#requirePart(name);
    await runSql(this.#urlOf(name), 'SELECT pg_wal_replay_resume()');
  }

  async stopPart(name: PartName, signal?: NodeJS.Signals): Promise<void> {
    if (signal !== undefined) await this.#kill(name, signal);
    else await (await this.#engineContainer(name)).stop();
    await (await this.#engineContainer(name)).wait();
  }

  async startPart(name: PartName): Promise<void> {
    await (await this.#engineContainer(name)).start();
  }

  signalPart(name: PartName, signal: NodeJS.Signals): void {
    this.#requirePart(name);
    // The engine answers later; a signal that it refuses shows in what the test waits for.
    this.#kill(name, signal).catch(() => undefined);
  }

  close(): Promise<void> {
    this.#closing ??= this.#of.started.down({ removeVolumes: true, timeout: 10_000 }).then(() => undefined);
    return this.#closing;
  }

  async #kill(name: PartName, signal: NodeJS.Signals): Promise<void> {
    await (await this.#engineContainer(name)).kill({ signal });
  }

  async #engineContainer(name: PartName) {
    this.#requirePart(name);
    const client = await getContainerRuntimeClient();
    return client.container.getById(this.#of.started.getContainer(`${name}-1`).getId());
  }

  #requirePart(name: PartName): void {
    if (!this.#of.parts.includes(name)) throw new StackError('STACK_PART_UNKNOWN', { context: { part: name } });
  }

  #standbys(): readonly NodeName[] {
    return this.#of.nodes.filter((name) => name !== this.#primary);
  }

  #urlOf(name: NodeName): string {
    return ownerUrl(this.#of.state, this.#of.ports[name]);
  }
}
