import { join } from 'node:path';
import {
  commandHeaders,
  encodeCommand,
  frame,
  openSchemas,
  type Topics,
  topicsWithPrefix,
} from '@tradestream/contracts';
import { migrate, openSession, type Session } from '@tradestream/database';
import { type OutgoingRecord, openKafka, type Producer, type RecordPlace } from '@tradestream/messaging';
import { type Closeable, type Logger, Scope, sleep } from '@tradestream/runtime';
import { createScratchDatabase, type Endpoints, type ServiceName, type Stack } from '@tradestream/stack';
import { commandKey } from '@tradestream/trading';
import type { LoadCommand } from '../load.ts';
import type { ProcessIds } from '../measure/process-figures.ts';
import { ServiceProcess } from './service-processes.ts';

export type RigOptions = {
  readonly stack: Stack;
  /** Names database, topics and groups. */
  readonly label: string;
  readonly services: readonly ServiceName[];
  readonly logFolder: string;
  readonly profileFolder: string | null;
  /** Of the services, over those of an installation; each takes those with its own prefix. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log: Logger;
};

export type Progress = { readonly applied: number; readonly published: number; readonly projected: number };

export const PARTITIONS = 6;
const SEND_COUNT = 2_000;
const POLL_MS = 25;
const STALL_MS = 120_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** An installation of its own on a stack: database, topics, groups and the service processes. */
export class Rig implements Closeable {
  readonly endpoints: Endpoints;
  readonly topics: Topics;
  readonly session: Session;
  readonly producer: Producer;
  readonly services: readonly ServiceProcess[];
  readonly #commandSchemaId: number;
  readonly #stack: Stack;
  readonly #scope: Scope;
  /** Commands on the commands topic. */
  sentCount = 0;

  private constructor(parts: {
    readonly endpoints: Endpoints;
    readonly topics: Topics;
    readonly session: Session;
    readonly producer: Producer;
    readonly services: readonly ServiceProcess[];
    readonly commandSchemaId: number;
    readonly stack: Stack;
    readonly scope: Scope;
  }) {
    this.endpoints = parts.endpoints;
    this.topics = parts.topics;
    this.session = parts.session;
    this.producer = parts.producer;
    this.services = parts.services;
    this.#commandSchemaId = parts.commandSchemaId;
    this.#stack = parts.stack;
    this.#scope = parts.scope;
  }

  static async open(options: RigOptions): Promise<Rig> {
    const { stack, label, log } = options;
    const scope = new Scope();
    try {
      const database = scope.use(await createScratchDatabase(stack.endpoints, label));
      const { endpoints } = database;
      for (const schema of ['ledger', 'views', 'monitor']) {
        await migrate({ url: database.url, folder: join('schemas', 'sql', schema), schema, log });
      }
      const prefix = `${database.name}-`;
      const topics = topicsWithPrefix(prefix);
      const kafka = scope.use(await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'bench', log }));
      const admin = scope.use(await kafka.openAdmin());
      await admin.createTopics(Object.values(topics).map((topic) => ({ topic, partitions: PARTITIONS })));
      const schemas = await openSchemas({
        url: endpoints.schemaRegistryUrl,
        log,
        timeoutMs: CONNECT_TIMEOUT_MS,
        topics,
      });
      const { commandSchemaId } = await schemas.register();
      const producer = scope.use(await kafka.openProducer({ clientId: 'bench' }));
      const session = scope.use(
        await openSession({ url: database.url, applicationName: 'bench', connectTimeoutMs: CONNECT_TIMEOUT_MS }),
      );
      const services = options.services.map((service) =>
        scope.use(new ServiceProcess({ ...options, service, endpoints, tokens: stack.tokens, prefix })),
      );
      return new Rig({ endpoints, topics, session, producer, services, commandSchemaId, stack, scope });
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  /** Services and parts of the stack, by name. */
  get pids(): ProcessIds {
    return { ...Object.fromEntries(this.services.map(({ name, pid }) => [name, pid])), ...this.#stack.pids };
  }

  /** Records as any producer would write them. */
  recordsOf(commands: readonly LoadCommand[]): OutgoingRecord[] {
    return commands.map(({ commandId, command }) => ({
      key: commandKey(command),
      value: frame(this.#commandSchemaId, encodeCommand({ commandId, command })),
      headers: commandHeaders({ commandId, type: command.type, source: '/tradestream/bench', timeMs: Date.now() }),
    }));
  }

  async send(commands: readonly LoadCommand[]): Promise<readonly RecordPlace[]> {
    this.sentCount += commands.length;
    return await this.producer.send(this.topics.commands, this.recordsOf(commands));
  }

  async publish(commands: Iterable<LoadCommand>): Promise<void> {
    let waiting: LoadCommand[] = [];
    for (const command of commands) {
      waiting.push(command);
      if (waiting.length < SEND_COUNT) continue;
      await this.send(waiting);
      waiting = [];
    }
    if (waiting.length > 0) await this.send(waiting);
  }

  /** Stops the worker as it is, so that a backlog can gather before the clock starts. */
  holdWorker(): void {
    this.#worker().signal('SIGSTOP');
  }

  releaseWorker(): void {
    this.#worker().signal('SIGCONT');
  }

  /** How far each stage is, in commands; a stage without a service counts as being there. */
  async progress(): Promise<Progress> {
    const { rows } = await this.session.query<Record<keyof Progress, string>>({
      name: 'progress',
      text: `SELECT coalesce(sum(next_offset), 0)::text AS applied, coalesce(sum(published_seq), 0)::text AS published,
                    (SELECT coalesce(min(seq), 0)::text FROM (SELECT sum(seq) AS seq FROM views.positions GROUP BY projection, version)) AS projected
             FROM ledger.partitions`,
    });
    const [row] = rows;
    const projects = this.services.some(({ name }) => name === 'projector');
    return {
      applied: Number(row?.applied),
      published: Number(row?.published),
      projected: projects ? Number(row?.projected) : Number(row?.applied),
    };
  }

  /** Resolves when the stage has reached all that was sent. @throws when nothing moves for long, or a service ended */
  async reached(stage: keyof Progress): Promise<void> {
    let last = -1;
    let movedMs = performance.now();
    for (;;) {
      const count = (await this.progress())[stage];
      if (count >= this.sentCount) return;
      for (const service of this.services) service.assertRunning();
      if (count !== last) movedMs = performance.now();
      last = count;
      if (performance.now() - movedMs > STALL_MS) throw new Error(`${stage} stands at ${count} of ${this.sentCount}`);
      await sleep(POLL_MS);
    }
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  #worker(): ServiceProcess {
    const worker = this.services.find(({ name }) => name === 'worker');
    if (worker === undefined) throw new Error('no worker runs');
    return worker;
  }
}
