import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@tradestream/database';
import { type Closeable, Scope } from '@tradestream/runtime';
import { type Endpoints, endpointsOfService } from '@tradestream/stack';
import { eventually } from './eventually.ts';
import { type LedgerWorld, openLedgerWorld } from './ledger-world.ts';
import { endProcess } from './processes.ts';

const START_MS = 60_000;

/** A service as its own process. */
export type ServiceProcess = Closeable & {
  readonly child: ChildProcess;
  readonly url: string;
  readonly logFile: string;
};

/** An answer whose body was read: parsed where it is JSON, a list of its lines where it is NDJSON. */
export type Answer<Body = Readonly<Record<string, unknown>>> = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Body;
};

/** A ledger with views, and gateways on it. */
export class GatewayWorld implements AsyncDisposable {
  readonly ledger: LedgerWorld;
  readonly #scope: Scope;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tradestream-gateway-'));
  #started = 0;

  constructor(ledger: LedgerWorld, scope: Scope) {
    this.ledger = ledger;
    this.#scope = scope;
  }

  /** Where a gateway of this world connects. */
  gatewayEnv(overrides: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const { endpoints } = this.ledger.database;
    const { databaseUrl, replicaUrls } = endpointsOfService(endpoints, 'gateway');
    return this.ledger.env({
      TRADESTREAM_GATEWAY_DATABASE_URL: databaseUrl,
      TRADESTREAM_GATEWAY_DATABASE_REPLICA_URLS: Object.values(replicaUrls).join(','),
      ...overrides,
    });
  }

  /** Starts a gateway and resolves when it listens; it is ended with the world. */
  async startGateway(overrides: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    return await this.#start('services/gateway/src/main.ts', this.gatewayEnv(overrides));
  }

  /** Starts a projector and resolves when it listens. */
  async startProjector(overrides: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const { endpoints, url } = this.ledger.database;
    const { databaseUrl } = endpointsOfService(endpoints, 'projector');
    const env = this.ledger.env({
      TRADESTREAM_PROJECTOR_DATABASE_URL: databaseUrl === '' ? url : databaseUrl,
      ...overrides,
    });
    return await this.#start('services/projector/src/main.ts', env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.close();
  }

  async #start(script: string, env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
    this.#started += 1;
    const logFile = join(this.#folder, `${this.#started}.log`);
    const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const close = async () => await endProcess(child);
    this.#scope.defer(script, close);
    child.stderr.pipe(createWriteStream(logFile));
    const url = await listening(child, logFile);
    return { child, url, logFile, close };
  }
}

/** A world with its topics, schemas and views; no service runs yet. */
export async function openGatewayWorld(endpoints: Endpoints, label: string, partitions = 6): Promise<GatewayWorld> {
  const scope = new Scope();
  const ledger = await openLedgerWorld(endpoints, label, partitions);
  scope.defer('ledger', async () => await ledger[Symbol.asyncDispose]());
  await migrate({ url: ledger.database.url, folder: 'schemas/sql/views', schema: 'views', log: ledger.log });
  return new GatewayWorld(ledger, scope);
}

/** One request; the body of the answer is read whole and taken to be a `Body`. */
export async function call<Body = Readonly<Record<string, unknown>>>(
  url: string,
  init: RequestInit = {},
): Promise<Answer<Body>> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parseBody(response, text) as Body };
}

/** Posts a value as JSON; a text goes as it is. */
export async function post<Body = Readonly<Record<string, unknown>>>(
  url: string,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<Body>> {
  const body = typeof value === 'string' || value instanceof Blob ? value : JSON.stringify(value);
  return await call<Body>(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

function parseBody(response: Response, text: string): unknown {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('application/x-ndjson')) {
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
  }
  return /[/+]json\b/.test(type) && text !== '' ? JSON.parse(text) : null;
}

/** Resolves when the service says that it has all it needs. */
export async function ready(service: ServiceProcess): Promise<void> {
  await eventually(
    async () => {
      const { status, text } = await call(`${service.url}/readyz`);
      if (status !== 200) throw new Error(`${text}; its log is ${service.logFile}`);
    },
    { withinMs: START_MS },
  );
}

/** The address in the line that a service logs once it takes connections. */
async function listening(child: ChildProcess, logFile: string): Promise<string> {
  const url = await eventually(
    async () => {
      const found = /"url":"(http[^"]+)".*"event":"http_listening"/.exec(await readFile(logFile, 'utf8'));
      if (found?.[1] !== undefined) return found[1];
      if (child.exitCode !== null) return null;
      throw new Error(`the service does not listen; its log is ${logFile}`);
    },
    { withinMs: START_MS },
  );
  if (url === null) throw new Error(`the service has ended; its log is ${logFile}`);
  return url;
}
