import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorOf } from '@tradestream/runtime';
import { makeAccessTokens } from '../endpoints/access-tokens.ts';
import { StackError } from '../errors.ts';
import { type AccessTokens, type NodeName, SERVICE_NAMES, type ServiceName } from '../stack.ts';

export type StackSecrets = {
  readonly passwords: Readonly<Record<ServiceName | 'owner' | 'replicator' | 'registry' | 'redis', string>>;
};

/** What must stay the same for as long as the data does. */
export type StackState = StackSecrets & {
  readonly tokens: AccessTokens;
  readonly kafkaClusterId: string;
  readonly kafkaDirectoryId: string;
  readonly primary: NodeName;
};

/** Loads what a kept folder holds, or makes it anew. @throws {StackError} STACK_ENDPOINTS_INVALID */
export function loadStackState(folder: string): StackState {
  const file = stateFile(folder);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    const state = makeStackState();
    saveStackState(folder, state);
    return state;
  }
  try {
    return JSON.parse(text) as StackState; // written by saveStackState alone, whole
  } catch (cause) {
    throw new StackError('STACK_ENDPOINTS_INVALID', { cause: errorOf(cause), context: { file } });
  }
}

export function saveStackState(folder: string, state: StackState): void {
  mkdirSync(folder, { recursive: true });
  const file = stateFile(folder);
  writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** New secrets and ids. */
export function makeStackState(): StackState {
  return {
    passwords: {
      owner: makePassword(),
      replicator: makePassword(),
      registry: makePassword(),
      redis: makePassword(),
      ...(Object.fromEntries(SERVICE_NAMES.map((name) => [name, makePassword()])) as Record<ServiceName, string>),
    },
    tokens: makeAccessTokens(),
    kafkaClusterId: makeKafkaId(),
    kafkaDirectoryId: makeKafkaId(),
    primary: 'primary',
  };
}

/** Letters and digits of base64url alone: needs no escape in SQL, a URL or a settings file. */
function makePassword(): string {
  return randomBytes(24).toString('base64url');
}

/** Kafka's form of a UUID; it does not take one that begins with a dash. */
function makeKafkaId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

function stateFile(folder: string): string {
  return join(folder, 'state.json');
}
