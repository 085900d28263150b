import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
import {
  type LogAdmin,
  type MessageLog,
  type OutgoingRecord,
  openKafka,
  type Producer,
  type RecordPlace,
} from '@tradestream/messaging';
import { createLogger, type Logger, type ReadinessPart, Scope } from '@tradestream/runtime';
import { type Endpoints, FRUGAL_NODE } from '@tradestream/stack';
import { commandKey, type TradeCommand } from '@tradestream/trading';
import { eventually } from './eventually.ts';
import { endProcess } from './processes.ts';
import { createDatabase, type ScratchDatabase, uniquePrefix } from './scratch.ts';

export type Sent = { readonly commandId: string; readonly command: TradeCommand };

export type LogLine = {
  readonly event: string;
  readonly level: string;
  readonly url?: string;
  readonly partitions?: readonly { readonly partition: number; readonly nextOffset: number }[];
  readonly before?: number;
  readonly now?: number;
  readonly error?: { readonly code?: string };
};

/** A ledger of a test's own on the shared stack: database, topics, groups, and workers as processes. */
export class LedgerWorld implements AsyncDisposable {
  readonly database: ScratchDatabase;
  readonly topics: Topics;
  readonly log: Logger;
  readonly kafka: MessageLog;
  readonly admin: LogAdmin;
  readonly producer: Producer;
  readonly session: Session;
  readonly commandSchemaId: number;
  readonly #prefix: string;
  readonly #scope: Scope;
  readonly logFolder = mkdtempSync(join(tmpdir(), 'tradestream-world-'));
  readonly #running: ChildProcess[] = [];
  readonly #logFiles = new WeakMap<ChildProcess, string>();
  #started = 0;

  constructor(parts: {
    readonly database: ScratchDatabase;
    readonly topics: Topics;
    readonly log: Logger;
    readonly kafka: MessageLog;
    readonly admin: LogAdmin;
    readonly producer: Producer;
    readonly session: Session;
    readonly commandSchemaId: number;
    readonly prefix: string;
    readonly scope: Scope;
  }) {
    this.database = parts.database;
    this.topics = parts.topics;
    this.log = parts.log;
    this.kafka = parts.kafka;
    this.admin = parts.admin;
    this.producer = parts.producer;
    this.session = parts.session;
    this.commandSchemaId = parts.commandSchemaId;
    this.#prefix = parts.prefix;
    this.#scope = parts.scope;
  }

  /** Environment of a service that works on this ledger. */
  env(overrides: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const { endpoints, serviceUrls } = this.database;
    return {
      PATH: process.env['PATH'],
      ...FRUGAL_NODE.env,
      KAFKA_BROKERS: endpoints.kafkaBrokers,
      SCHEMA_REGISTRY_URL: endpoints.schemaRegistryUrl,
      TRADESTREAM_WORKER_DATABASE_URL: serviceUrls.worker,
      TRADESTREAM_PROJECTOR_DATABASE_URL: serviceUrls.projector,
      TRADESTREAM_TOPIC_PREFIX: this.#prefix,
      TRADESTREAM_GROUP_PREFIX: this.#prefix,
      ...overrides,
    };
  }

  /** Starts a worker as its own process; it is ended with the world. Its log is in a file of its own. */
  startWorker(overrides: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = this.#start('worker', overrides);
    this.#running.push(child);
    return child;
  }

  /** The same for a projector; see `projected`. */
  startProjector(overrides: Readonly<Record<string, string>> = {}): ChildProcess {
    return this.#start('projector', overrides);
  }

  /** The same for a gateway; see `GatewayWorld` for tests of its own. */
  startGateway(overrides: Readonly<Record<string, string>>): ChildProcess {
    return this.#start('gateway', {
      TRADESTREAM_GATEWAY_DATABASE_URL: this.database.serviceUrls.gateway,
      ...overrides,
    });
  }

  /** The lines that a service has logged so far. */
  logOf(child: ChildProcess): readonly LogLine[] {
    const lines = readFileSync(this.#logFiles.get(child) ?? '', 'utf8').split('\n');
    // The last line may still be written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as LogLine); // our own logger wrote it
  }

  /** What `/readyz` of a service answers: which parts are not ready, with the reason. Empty when all are. */
  async unready(child: ChildProcess): Promise<Readonly<Record<string, string>>> {
    const missing = (await this.parts(child)).filter(({ ok, needed }) => !ok && needed !== false);
    return Object.fromEntries(missing.map(({ part, detail }) => [part, detail]));
  }

  /** What a service says of all that it uses. */
  async parts(child: ChildProcess): Promise<readonly ReadinessPart[]> {
    const url = this.logOf(child).find((line) => line.event === 'http_listening')?.url;
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const { parts } = (await answer.json()) as { parts: readonly ReadinessPart[] }; // our own route
    return parts;
  }

  /** The name of a consumer group in this world. */
  group(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** Ends every worker in the orderly way. */
  async stopWorkers(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(endProcess));
  }

  /** Records of commands as any producer would write them. */
  recordsOf(commands: readonly Sent[]): OutgoingRecord[] {
    return commands.map(({ commandId, command }) => ({
      key: commandKey(command),
      value: frame(this.commandSchemaId, encodeCommand({ commandId, command })),
      headers: commandHeaders({ commandId, type: command.type, source: '/test', timeMs: Date.now() }),
    }));
  }

  async send(commands: readonly Sent[]): Promise<readonly RecordPlace[]> {
    return await this.producer.send(this.topics.commands, this.recordsOf(commands));
  }

  /** Resolves when everything on the commands topic is below the ledger's offsets. */
  async applied(withinMs: number): Promise<void> {
    await eventually(
      async () => {
        const ranges = await this.admin.ranges(this.topics.commands);
        const end = ranges.reduce((sum, range) => sum + range.end, 0);
        const { rows } = await this.session.query<{ next: string }>({
          text: 'SELECT coalesce(sum(next_offset), 0)::text AS next FROM ledger.partitions WHERE topic = $1',
          values: [this.topics.commands],
        });
        if (Number(rows[0]?.next) < end)
          throw new Error(`applied ${rows[0]?.next} of ${end}; worker logs are in ${this.logFolder}`);
      },
      { withinMs },
    );
  }

  /** Resolves when every projection holds every event of the ledger. */
  async projected(withinMs: number): Promise<void> {
    await eventually(
      async () => {
        const [row] = await this.rows<{ behind: string }>(
          `SELECT coalesce(sum(p.event_seq - coalesce(v.seq, 0)), 0)::text AS behind
           FROM ledger.partitions AS p LEFT JOIN
             (SELECT partition, CASE WHEN count(*) = 5 THEN min(seq) ELSE 0 END AS seq FROM views.positions GROUP BY 1) AS v
             USING (partition)
           WHERE p.topic = $1`,
          [this.topics.commands],
        );
        if (row?.behind !== '0') throw new Error(`${row?.behind} events behind; logs are in ${this.logFolder}`);
      },
      { withinMs },
    );
  }

  async rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.session.query<Row>({ text, values })).rows;
  }

  #start(service: 'worker' | 'projector' | 'gateway', overrides: Readonly<Record<string, string>>): ChildProcess {
    this.#started += 1;
    const name = `${service}-${this.#started}`;
    const child = spawn(process.execPath, [`services/${service}/src/main.ts`], {
      env: this.env(overrides),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const file = join(this.logFolder, `${name}.log`);
    this.#logFiles.set(child, file);
    child.stderr?.pipe(createWriteStream(file));
    this.#scope.defer(name, () => endProcess(child));
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.close();
  }
}

/** A world with its schema, topics and registered schemas; no worker runs yet. */
export async function openLedgerWorld(endpoints: Endpoints, label: string, partitions = 6): Promise<LedgerWorld> {
  const scope = new Scope();
  const log = createLogger({ service: label, level: 'warn' });
  const prefix = uniquePrefix(label);
  const topics = topicsWithPrefix(prefix);
  const database = scope.use(await createDatabase(endpoints, label));
  for (const schema of ['ledger', 'views']) {
    await migrate({ url: database.url, folder: `schemas/sql/${schema}`, schema, log });
  }
  const kafka = scope.use(await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: label, log }));
  const admin = scope.use(await kafka.openAdmin());
  await admin.createTopics(Object.values(topics).map((topic) => ({ topic, partitions })));
  const schemas = await openSchemas({ url: endpoints.schemaRegistryUrl, log, timeoutMs: 30_000, topics });
  const { commandSchemaId } = await schemas.register();
  const producer = scope.use(await kafka.openProducer({ clientId: label }));
  const session = scope.use(await openSession({ url: database.url, applicationName: label, connectTimeoutMs: 30_000 }));
  return new LedgerWorld({ database, topics, log, kafka, admin, producer, session, commandSchemaId, prefix, scope });
}
