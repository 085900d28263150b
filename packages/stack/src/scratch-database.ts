import { randomBytes } from 'node:crypto';
import { type Closeable, sleep } from '@tradestream/runtime';
import { StackError } from './errors.ts';
import { runSql } from './parts/run-sql.ts';
import { type Endpoints, SERVICE_NAMES, type ServiceName } from './stack.ts';

/** A database of its own on the primary, and thereby on every replica; dropped when closed. */
export type ScratchDatabase = Closeable &
  AsyncDisposable & {
    readonly name: string;
    /** As the owner. */
    readonly url: string;
    readonly replicaUrls: Readonly<Record<string, string>>;
    readonly serviceUrls: Readonly<Record<ServiceName, string>>;
    /** The same endpoints with every database URL pointing here. */
    readonly endpoints: Endpoints;
  };

const REPLICATED_MS = 20_000;
const POLL_MS = 30;

/**
 * Makes a database named for `label` and a random part, and resolves when every replica has it.
 * Closing ends its sessions.
 * @throws {StackError} STACK_PART_FAILED when a replica does not get it; DatabaseError
 */
export async function createScratchDatabase(endpoints: Endpoints, label: string): Promise<ScratchDatabase> {
  const name = `${label
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40)}_${randomBytes(4).toString('hex')}`;
  await runSql(endpoints.databaseUrl, `CREATE DATABASE ${name}`);
  const replicas = Object.entries(endpoints.replicaUrls);
  await Promise.all(replicas.map(([node, url]) => waitForDatabase(node, url, name)));
  const here = (url: string) => (url === '' ? '' : urlOfDatabase(url, name));
  const local: Endpoints = {
    ...endpoints,
    databaseUrl: here(endpoints.databaseUrl),
    replicaUrls: Object.fromEntries(replicas.map(([node, url]) => [node, here(url)])),
    serviceUrls: Object.fromEntries(
      SERVICE_NAMES.map((service) => [service, here(endpoints.serviceUrls[service])]),
    ) as Record<ServiceName, string>, // every service is there
  };
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= runSql(endpoints.databaseUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`).then(() => undefined);
    return closing;
  };
  return {
    name,
    url: local.databaseUrl,
    replicaUrls: local.replicaUrls,
    serviceUrls: local.serviceUrls,
    endpoints: local,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function waitForDatabase(node: string, url: string, name: string): Promise<void> {
  const deadline = performance.now() + REPLICATED_MS;
  for (;;) {
    const rows = await runSql(url, `SELECT 1 FROM pg_database WHERE datname = '${name}'`);
    if (rows.length > 0) return;
    if (performance.now() > deadline) {
      throw new StackError('STACK_PART_FAILED', {
        context: { part: node, database: name },
        detail: 'is not replicated',
      });
    }
    await sleep(POLL_MS);
  }
}

function urlOfDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
