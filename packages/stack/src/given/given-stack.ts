import { makeAccessTokens } from '../endpoints/access-tokens.ts';
import { StackError } from '../errors.ts';
import type { AccessTokens, Endpoints, NodeName, PartName, Stack } from '../stack.ts';
import { type GivenEndpoints, mergeEndpoints } from '../stack-mode.ts';

const NOTHING_STARTED: Endpoints = {
  kafkaBrokers: '',
  schemaRegistryUrl: '',
  databaseUrl: '',
  replicaUrls: {},
  redisUrl: '',
  serviceUrls: { worker: '', projector: '', gateway: '', monitor: '' },
};

/** Parts that someone else runs: known, and not steered. */
export class GivenStack implements Stack {
  readonly mode = 'given';
  readonly tokens: AccessTokens = makeAccessTokens();
  readonly pids = {};
  readonly logFolder = null;
  readonly endpoints: Endpoints;

  constructor(given: GivenEndpoints) {
    this.endpoints = mergeEndpoints(NOTHING_STARTED, given);
  }

  async promote(name: NodeName): Promise<void> {
    throw notOurs(name);
  }

  async pauseReplay(name: NodeName): Promise<void> {
    throw notOurs(name);
  }

  async resumeReplay(name: NodeName): Promise<void> {
    throw notOurs(name);
  }

  async stopPart(name: PartName): Promise<void> {
    throw notOurs(name);
  }

  async startPart(name: PartName): Promise<void> {
    throw notOurs(name);
  }

  signalPart(name: PartName): void {
    throw notOurs(name);
  }

  async close(): Promise<void> {
    // Nothing was started.
  }
}

function notOurs(part: PartName): StackError {
  return new StackError('STACK_PART_UNKNOWN', { context: { part } });
}
