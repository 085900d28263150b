import type { Closeable, Logger } from '@tradestream/runtime';

export const REPLICA_NAMES = ['replica-1', 'replica-2', 'replica-3'] as const;
export const NODE_NAMES = ['primary', ...REPLICA_NAMES] as const;
export const PART_NAMES = ['kafka', 'registry', ...NODE_NAMES, 'redis'] as const;
export const SERVICE_NAMES = ['worker', 'projector', 'gateway', 'monitor'] as const;

export type ReplicaName = (typeof REPLICA_NAMES)[number];
/** A PostgreSQL node. The name stays with the node, whatever its role becomes. */
export type NodeName = (typeof NODE_NAMES)[number];
export type PartName = (typeof PART_NAMES)[number];
export type ServiceName = (typeof SERVICE_NAMES)[number];
export type StackMode = 'embedded' | 'containers' | 'given';

/** Where the parts listen. A part that was not asked for has an empty string or no entry. */
export type Endpoints = {
  /** `host:port`, comma-separated. */
  readonly kafkaBrokers: string;
  /** Base of the Confluent-compatible API. */
  readonly schemaRegistryUrl: string;
  /** The present primary, as the owner of the database. */
  readonly databaseUrl: string;
  /** The present standbys, as the owner of the database. */
  readonly replicaUrls: Readonly<Record<string, string>>;
  readonly redisUrl: string;
  /** The present primary, as each service's own role. */
  readonly serviceUrls: Readonly<Record<ServiceName, string>>;
};

/** Bearer tokens of the HTTP interfaces, by role. */
export type AccessTokens = {
  readonly reader: string;
  readonly operator: string;
  readonly admin: string;
};

export type StackProgress = {
  readonly part: PartName | 'artifacts';
  readonly state: 'fetching' | 'starting' | 'ready';
  /** 0 to 1 while fetching. */
  readonly fraction?: number;
};

export type StackOptions = {
  readonly log: Logger;
  /** Absent: what `chooseMode` finds in the environment. */
  readonly mode?: StackMode;
  /** Absent: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Keeps data, passwords and tokens there across starts. Absent: a temporary folder, removed at the end. */
  readonly dataDir?: string;
  /** Fixed ports. Absent: free ones. */
  readonly ports?: Partial<Readonly<Record<PartName, number>>>;
  /** Absent: all. The registry brings the primary with it, where it keeps its schemas. */
  readonly parts?: readonly PartName[];
  /** Settings of every embedded PostgreSQL node, over the stack's own: `{shared_buffers: '256MB'}`. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: StackProgress) => void;
  /** Abort gives up starting; what was started is taken down. */
  readonly signal?: AbortSignal;
};

/** The running parts. With given endpoints nothing can be steered and `close` ends nothing. */
export interface Stack extends Closeable {
  readonly mode: StackMode;
  /** As of now: `promote` changes them. */
  readonly endpoints: Endpoints;
  readonly tokens: AccessTokens;
  /** Process ids of the parts that this stack runs. */
  readonly pids: Readonly<Partial<Record<PartName, number>>>;
  /** The folder with a log file for each part; null where the stack runs none. */
  readonly logFolder: string | null;
  /**
   * Ends the present primary, makes the standby the primary, points the other standbys at it and
   * sets the quorum to `ANY 1` of them. `endpoints` then name the new primary.
   * @throws {StackError} STACK_PART_UNKNOWN, STACK_PROMOTE_FAILED
   */
  promote(name: NodeName): Promise<void>;
  /** The standby goes on receiving WAL and stops showing it. @throws {StackError} STACK_PART_UNKNOWN */
  pauseReplay(name: NodeName): Promise<void>;
  /** @throws {StackError} STACK_PART_UNKNOWN */
  resumeReplay(name: NodeName): Promise<void>;
  /**
   * Resolves when the part's processes are gone. Absent signal: the part's own orderly one.
   * @throws {StackError} STACK_PART_UNKNOWN
   */
  stopPart(name: PartName, signal?: NodeJS.Signals): Promise<void>;
  /**
   * Starts a stopped part on the same port and data; a node that was primary before a promotion
   * comes back as a standby of the new primary, from a fresh copy.
   * @throws {StackError} STACK_PART_UNKNOWN, STACK_PART_FAILED
   */
  startPart(name: PartName): Promise<void>;
  /** Sends the signal to the part's process and all below it, as SIGSTOP and SIGCONT need. @throws {StackError} STACK_PART_UNKNOWN */
  signalPart(name: PartName, signal: NodeJS.Signals): void;
}
