import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PartCommand } from '../processes/part-process.ts';
import { JVM_ARGS } from './kafka-part.ts';

export type RegistryOptions = {
  readonly java: string;
  readonly jar: string;
  readonly folder: string;
  readonly logFile: string;
  readonly port: number;
  readonly database: {
    /** Of all nodes: the driver finds the primary among them, also after a promotion. */
    readonly ports: readonly number[];
    readonly name: string;
    readonly user: string;
    readonly password: string;
  };
};

const ANSWER_MS = 2_000;

/** Apicurio's Confluent-compatible interface on this machine. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Keeps the schemas in PostgreSQL: its storage in memory forgets every id when it ends. */
export function prepareRegistry(options: RegistryOptions): PartCommand {
  const { java, jar, folder, logFile, port, database } = options;
  mkdirSync(folder, { recursive: true });
  const hosts = database.ports.map((nodePort) => `127.0.0.1:${nodePort}`).join(',');
  return {
    name: 'registry',
    command: java,
    // Few requests in its life: the quick compiler alone starts faster and takes less memory.
    args: [
      ...JVM_ARGS,
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Djava.io.tmpdir=${folder}`,
      // After a crash or a promotion of the primary each connection that it had would fail a request.
      '-Dquarkus.datasource.postgresql.jdbc.validate-on-borrow=true',
      '-jar',
      jar,
    ],
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(port),
      QUARKUS_BANNER_ENABLED: 'false',
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'postgresql',
      APICURIO_DATASOURCE_URL: `jdbc:postgresql://${hosts}/${database.name}?targetServerType=primary`,
      APICURIO_DATASOURCE_USERNAME: database.user,
      APICURIO_DATASOURCE_PASSWORD: database.password,
      // It keeps 20 otherwise.
      APICURIO_DATASOURCE_JDBC_INITIAL_SIZE: '1',
      APICURIO_DATASOURCE_JDBC_MIN_SIZE: '1',
      APICURIO_DATASOURCE_JDBC_MAX_SIZE: '8',
    },
    cwd: join(folder),
    logFile,
    port,
    user: null,
    stopSignal: 'SIGTERM',
    stopMs: 5_000,
    isReady: () => isRegistryReady(registryUrl(port)),
  };
}

/**
 * Ready once it has taken the default compatibility, which is NONE otherwise and would let any
 * schema follow any other for a subject without a setting of its own.
 */
export async function isRegistryReady(baseUrl: string): Promise<boolean> {
  try {
    const answer = await fetch(`${baseUrl}/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'BACKWARD' }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
