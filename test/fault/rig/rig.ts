import { type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openSession, type Session } from '@tradestream/database';
import type { Scope } from '@tradestream/runtime';
import { endpointsOfService, type NodeName, type Stack } from '@tradestream/stack';
import { eventually } from '../../support/eventually.ts';
import type { HttpDoor } from '../../support/http-door.ts';
import type { LedgerWorld } from '../../support/ledger-world.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { growDisk, moveToSmallDisk, removeDisk, shrinkDisk } from './small-disk.ts';
import type { Way } from './ways.ts';

/** The shortest that a service takes. */
export const SESSION_TIMEOUT_MS = 6_000;
export const WORKERS = 2;
/** Services that end by themselves are started again, as long as that may help. */
const RESTART_MS = 1_000;
const STARTS_MAX = 20;
const ANSWER_MS = 60_000;

const WORKER: Readonly<Record<string, string>> = {
  TRADESTREAM_WORKER_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
  TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '200',
  TRADESTREAM_WORKER_COMMIT_TIMEOUT_MS: '2000',
  TRADESTREAM_WORKER_STATEMENT_TIMEOUT_MS: '2000',
  TRADESTREAM_WORKER_CLAIM_TIMEOUT_MS: '1000',
};
const PROJECTOR: Readonly<Record<string, string>> = {
  TRADESTREAM_PROJECTOR_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
  TRADESTREAM_PROJECTOR_COMMIT_TIMEOUT_MS: '2000',
};

/**
 * A whole installation on a stack of its own, made to be harmed: every way between its parts leads
 * through a proxy, and a service that was killed is started again.
 */
export class Rig implements AsyncDisposable {
  readonly stack: Stack;
  readonly world: LedgerWorld;
  readonly registry: HttpDoor;
  /** Of each worker, of the projector, of the gateway. */
  readonly ways: readonly Way[];
  readonly gatewayUrl: string;
  readonly #scope: Scope;
  readonly #admin: TcpProxy;
  readonly #gatewayWay: Way;
  readonly #projectorWay: Way;
  readonly #workers: ChildProcess[] = [];
  readonly #guests: ChildProcess[] = [];
  readonly #smallDisks = new Set<NodeName>();
  readonly #claimed = new WeakSet<ChildProcess>();
  readonly #ended: string[] = [];
  #primary: NodeName = 'primary';
  #projector: ChildProcess;
  #gateway: ChildProcess;
  #session: Session | null = null;
  #isClosing = false;
  #startsLeft = STARTS_MAX;

  constructor(parts: {
    readonly stack: Stack;
    readonly world: LedgerWorld;
    readonly registry: HttpDoor;
    readonly admin: TcpProxy;
    readonly workerWays: readonly Way[];
    readonly projectorWay: Way;
    readonly gatewayWay: Way;
    readonly gatewayPort: number;
    readonly scope: Scope;
  }) {
    const { stack, world, registry, admin, workerWays, projectorWay, gatewayWay, gatewayPort, scope } = parts;
    this.stack = stack;
    this.world = world;
    this.registry = registry;
    this.ways = [...workerWays, projectorWay, gatewayWay];
    this.gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
    this.#admin = admin;
    this.#projectorWay = projectorWay;
    this.#gatewayWay = gatewayWay;
    this.#scope = scope;
    for (let slot = 0; slot < WORKERS; slot += 1) this.startWorkerAt(slot);
    this.#projector = this.startProjector();
    this.#gateway = this.startGateway();
  }

  get workers(): readonly ChildProcess[] {
    return this.#workers;
  }

  get projector(): ChildProcess {
    return this.#projector;
  }

  get gateway(): ChildProcess {
    return this.#gateway;
  }

  get primary(): NodeName {
    return this.#primary;
  }

  /** Services that ended by themselves, which no fault makes right. Each call tells those since the last. */
  takeEnded(): readonly string[] {
    return this.#ended.splice(0);
  }

  /** Where `verify` looks: the primary of now, and its standbys. */
  get endpoints(): {
    readonly databaseUrl: string;
    readonly kafkaBrokers: string;
    readonly replicaUrls: Readonly<Record<string, string>>;
  } {
    const { endpoints } = this.stack;
    const replicaUrls = Object.entries(endpoints.replicaUrls).map(([name, url]) => [name, this.#here(url)]);
    return {
      databaseUrl: this.#here(endpoints.databaseUrl),
      kafkaBrokers: endpoints.kafkaBrokers,
      replicaUrls: Object.fromEntries(replicaUrls),
    };
  }

  workerAt(slot: number): ChildProcess {
    const worker = this.#workers[slot];
    if (worker === undefined) throw new RangeError(`there is no worker ${slot}`);
    return worker;
  }

  wayAt(index: number): Way {
    const way = this.ways[index];
    if (way === undefined) throw new RangeError(`there is no way ${index}`);
    return way;
  }

  startWorkerAt(slot: number): void {
    const worker = this.world.startWorker({ ...WORKER, ...this.#throughDoors(this.wayAt(slot)) });
    this.#workers[slot] = worker;
    this.#watch('worker', worker, () => this.startWorkerAt(slot));
  }

  /** A worker beside the others, by the way of the first. */
  startGuest(): ChildProcess {
    const guest = this.world.startWorker({ ...WORKER, ...this.#throughDoors(this.wayAt(0)) });
    this.#guests.push(guest);
    return guest;
  }

  startProjector(): ChildProcess {
    this.#projector = this.world.startProjector({ ...PROJECTOR, ...this.#throughDoors(this.#projectorWay) });
    this.#watch('projector', this.#projector, () => void this.startProjector());
    return this.#projector;
  }

  startGateway(): ChildProcess {
    const { replicaUrls } = endpointsOfService(this.world.database.endpoints, 'gateway');
    this.#gateway = this.world.startGateway({
      ...this.#throughDoors(this.#gatewayWay),
      TRADESTREAM_GATEWAY_DATABASE_REPLICA_URLS: Object.values(replicaUrls).join(','),
      TRADESTREAM_GATEWAY_HTTP_PORT: new URL(this.gatewayUrl).port,
      TRADESTREAM_GATEWAY_PUBLISH_TIMEOUT_MS: '3000',
    });
    this.#watch('gateway', this.#gateway, () => void this.startGateway());
    return this.#gateway;
  }

  hasClaimed(worker: ChildProcess): boolean {
    if (this.#claimed.has(worker)) return true;
    const claimed = this.world
      .logOf(worker)
      .some(
        ({ event, partitions }) => event === 'partitions_claimed' && partitions !== undefined && partitions.length > 0,
      );
    if (claimed) this.#claimed.add(worker);
    return claimed;
  }

  /** Rows of the present primary, asked again until it answers: what is asked may be asked twice. */
  async rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return await eventually(
      async () => {
        try {
          this.#session ??= await openSession({
            url: this.world.database.url,
            applicationName: 'rig',
            connectTimeoutMs: 2_000,
          });
          return (await this.#session.query<Row>({ text, values })).rows;
        } catch (error) {
          const failed = this.#session;
          this.#session = null;
          await failed?.close();
          throw error;
        }
      },
      { withinMs: ANSWER_MS, everyMs: 100 },
    );
  }

  /** One statement on the node behind a URL, once. */
  async runOn<Row extends object>(url: string, text: string): Promise<readonly Row[]> {
    const session = await openSession({ url, applicationName: 'rig', connectTimeoutMs: 5_000 });
    try {
      return (await session.query<Row>({ text })).rows;
    } finally {
      await session.close();
    }
  }

  async databaseAnswers(): Promise<void> {
    await this.rows('SELECT 1');
  }

  /** A node's URL whatever its role, with the campaign's database. */
  urlOf(node: NodeName): string {
    const { databaseUrl, replicaUrls } = this.stack.endpoints;
    return this.#here(node === this.#primary ? databaseUrl : (replicaUrls[node] ?? ''));
  }

  /** After a promotion: every way to the database leads to the new primary. */
  leadToPrimary(): void {
    const { databaseUrl, replicaUrls } = this.stack.endpoints;
    const { hostname: host, port } = new URL(databaseUrl);
    const standbys = new Set(Object.keys(replicaUrls));
    this.#primary =
      (['primary', 'replica-1', 'replica-2', 'replica-3'] as const).find((name) => !standbys.has(name)) ?? 'primary';
    for (const proxy of [this.#admin, ...this.ways.map(({ database }) => database)]) {
      proxy.target = { host, port: Number(port) };
      proxy.resetAll();
    }
  }

  async moveToSmallDisk(node: NodeName): Promise<void> {
    if (this.#smallDisks.has(node)) {
      shrinkDisk(this.#folderOf(node));
      return;
    }
    await this.stack.stopPart(node, 'SIGKILL');
    moveToSmallDisk(this.#folderOf(node));
    this.#smallDisks.add(node);
    await this.stack.startPart(node);
  }

  growDisk(node: NodeName): void {
    growDisk(this.#folderOf(node));
  }

  /** A node that is dead leaves its small disk. */
  releaseDisk(node: NodeName): void {
    if (this.#smallDisks.delete(node)) removeDisk(this.#folderOf(node));
  }

  /** Starts a node that has ended, or ends by itself within a moment. */
  async restartIfDead(node: NodeName): Promise<void> {
    await eventually(
      async () => {
        if (this.stack.pids[node] === undefined) await this.stack.startPart(node);
        await this.runOn(this.urlOf(node), 'SELECT pg_switch_wal()');
      },
      { withinMs: ANSWER_MS },
    );
  }

  countInLog(node: NodeName, text: string): number {
    return readFileSync(join(this.stack.logFolder ?? '', `${node}.log`), 'utf8').split(text).length - 1;
  }

  /** At once: nothing that they could still do counts, and the ways that they would take are about to go. */
  async endServices(): Promise<void> {
    this.#isClosing = true;
    await this.#session?.close();
    for (const child of [...this.#workers, ...this.#guests, this.#projector, this.#gateway]) child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.close();
  }

  /** Ends every node that lies on a small disk, so that its folder can go. */
  async releaseDisks(): Promise<void> {
    for (const node of this.#smallDisks) {
      await this.stack.stopPart(node, 'SIGKILL');
      this.releaseDisk(node);
    }
  }

  #watch(name: string, child: ChildProcess, startAgain: () => void): void {
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL' || this.#isClosing) return;
      this.#ended.push(`a ${name} ended by itself with ${code ?? signal}; its log is in ${this.world.logFolder}`);
      this.#startsLeft -= 1;
      if (this.#startsLeft > 0) setTimeout(startAgain, RESTART_MS).unref();
    });
  }

  #throughDoors(way: Way): Readonly<Record<string, string>> {
    return { ...way.env, SCHEMA_REGISTRY_URL: this.registry.outside(this.stack.endpoints.schemaRegistryUrl) };
  }

  #here(url: string): string {
    const here = new URL(url);
    here.pathname = `/${this.world.database.name}`;
    return here.href;
  }

  #folderOf(node: NodeName): string {
    return join(dirname(this.stack.logFolder ?? ''), node);
  }
}
