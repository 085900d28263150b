import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Closeable } from '@tradestream/runtime';
import {
  type AccessTokens,
  type Endpoints,
  endpointsOfService,
  FRUGAL_NODE,
  type ServiceName,
} from '@tradestream/stack';

export type ServiceOptions = {
  readonly service: ServiceName;
  readonly endpoints: Endpoints;
  readonly tokens: AccessTokens;
  /** Before the names of topics and groups. */
  readonly prefix: string;
  readonly logFolder: string;
  /** Where a CPU profile of the worker is written; null for none. */
  readonly profileFolder: string | null;
  readonly settings?: Readonly<Record<string, string>>;
};

const DRAIN_MS = 20_000;
/** The worker is held while its backlog is published; its group must not take it for dead meanwhile. */
const SESSION_TIMEOUT_MS = 120_000;

/** One service as a process of its own, as an installation starts it. */
export class ServiceProcess implements Closeable {
  readonly name: string;
  /** In the folder of the logs. */
  readonly logFile: string;
  readonly #child: ChildProcess;
  #closing: Promise<void> | null = null;

  constructor(options: ServiceOptions) {
    const { service, logFolder, profileFolder } = options;
    this.name = service;
    this.logFile = `${options.prefix}${service}.log`;
    const profiling =
      profileFolder === null || service !== 'worker' ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
    this.#child = spawn(process.execPath, [...FRUGAL_NODE.flags, ...profiling, `services/${service}/src/main.ts`], {
      env: environmentOf(options),
      stdio: ['ignore', 'ignore', 'pipe'],
      // A session of its own, as under a service manager: the scheduler shares processors out by session first.
      detached: true,
    });
    this.#child.stderr?.pipe(createWriteStream(join(logFolder, this.logFile), { mode: 0o600 }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws when the process has ended by itself */
  assertRunning(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`${this.name} ended (${signalCode ?? exitCode})`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), DRAIN_MS);
    await gone;
    clearTimeout(timer);
  }
}

function environmentOf(options: ServiceOptions): NodeJS.ProcessEnv {
  const { service, endpoints, tokens, prefix } = options;
  const own = `TRADESTREAM_${service.toUpperCase()}_`;
  const { databaseUrl, replicaUrls } = endpointsOfService(endpoints, service);
  const replicas = Object.values(replicaUrls).join(',');
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    ...FRUGAL_NODE.env,
    KAFKA_BROKERS: endpoints.kafkaBrokers,
    SCHEMA_REGISTRY_URL: endpoints.schemaRegistryUrl,
    [`${own}DATABASE_URL`]: databaseUrl,
    TRADESTREAM_TOPIC_PREFIX: prefix,
    TRADESTREAM_GROUP_PREFIX: prefix,
  };
  if (service === 'worker') env['TRADESTREAM_WORKER_SESSION_TIMEOUT_MS'] = String(SESSION_TIMEOUT_MS);
  if (replicas !== '' && (service === 'gateway' || service === 'monitor'))
    env[`${own}DATABASE_REPLICA_URLS`] = replicas;
  if (service === 'monitor') {
    env['REDIS_URL'] = endpoints.redisUrl;
    env[`${own}READER_TOKEN`] = tokens.reader;
    env[`${own}OPERATOR_TOKEN`] = tokens.operator;
    env[`${own}ADMIN_TOKEN`] = tokens.admin;
  }
  for (const [name, value] of Object.entries(options.settings ?? {})) if (name.startsWith(own)) env[name] = value;
  return env;
}
