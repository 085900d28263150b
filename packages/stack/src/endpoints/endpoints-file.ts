import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorOf } from '@tradestream/runtime';
import { StackError } from '../errors.ts';
import type { AccessTokens, Endpoints } from '../stack.ts';

/** What a running project tells everyone on this machine who may read the file. */
export type EndpointsFile = Endpoints & {
  readonly gatewayUrl: string;
  readonly monitorUrl: string;
  /** Where each service shows `/metrics`, by the name of its process. */
  readonly metricsUrls?: Readonly<Record<string, string>>;
  /** `gateway`, `monitor`, `worker-1`, `projector-1`, and the parts of the stack by their names. */
  readonly pids: Readonly<Record<string, number>>;
  readonly tokens: AccessTokens;
};

const TEXTS = ['kafkaBrokers', 'schemaRegistryUrl', 'databaseUrl', 'redisUrl', 'gatewayUrl', 'monitorUrl'];
const RECORDS = ['replicaUrls', 'serviceUrls', 'pids', 'tokens'];

export function endpointsFilePath(projectFolder: string): string {
  return join(projectFolder, '.tradestream', 'endpoints.json');
}

/** Replaces the file at once, so that a reader sees the old one or the new one; for its owner alone (0600). */
export function writeEndpoints(projectFolder: string, endpoints: EndpointsFile): void {
  const path = endpointsFilePath(projectFolder);
  mkdirSync(join(projectFolder, '.tradestream'), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true }); // an old one would keep its mode
  writeFileSync(temporary, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Null when nothing runs here. @throws {StackError} STACK_ENDPOINTS_INVALID */
export function readEndpoints(projectFolder: string): EndpointsFile | null {
  const path = endpointsFilePath(projectFolder);
  const text = readIfThere(path);
  if (text === null) return null;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new StackError('STACK_ENDPOINTS_INVALID', { cause: errorOf(cause), context: { file: path } });
  }
  const missing = findMissing(content);
  if (missing !== null) throw new StackError('STACK_ENDPOINTS_INVALID', { context: { file: path, field: missing } });
  return content as EndpointsFile; // every field was looked at
}

export function removeEndpoints(projectFolder: string): void {
  rmSync(endpointsFilePath(projectFolder), { force: true });
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new StackError('STACK_ENDPOINTS_INVALID', { cause: error, context: { file: path } });
  }
}

function findMissing(content: unknown): string | null {
  if (typeof content !== 'object' || content === null) return 'all';
  const fields = new Map<string, unknown>(Object.entries(content));
  const text = TEXTS.find((name) => typeof fields.get(name) !== 'string');
  const record = RECORDS.find((name) => typeof fields.get(name) !== 'object' || fields.get(name) === null);
  return text ?? record ?? null;
}
