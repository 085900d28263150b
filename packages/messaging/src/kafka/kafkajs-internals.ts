import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/**
 * The parts of kafkajs below its public API that the adapter stands on: connections, metadata and
 * the group protocol. Its own producer and consumer are not used: the producer spends more on a
 * record than the whole adapter does, the consumer waits for the slowest partition before it fetches
 * again, resets offsets silently when they are out of range, and hides its connections, so that a
 * black hole cannot be left. The version is pinned and no longer moves, so these shapes hold; they
 * are exercised by the laws on a real broker.
 */

export type KafkajsLogger = { namespace(name: string): KafkajsLogger };

export type SocketRequest = {
  readonly host: string;
  readonly port: number;
  readonly ssl: object | null | undefined;
  readonly onConnect: () => void;
};

export type KafkajsClusterOptions = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: object | undefined;
  readonly sasl?: object | undefined;
  readonly connectionTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: boolean;
  readonly metadataMaxAge: number;
  readonly allowAutoTopicCreation: boolean;
  readonly retry: object;
  readonly logger: KafkajsLogger;
  readonly socketFactory: (request: SocketRequest) => Socket;
};

/** A request in wire form: `connection.send` puts the header before it and matches the answer. */
export type WireRequest<T> = {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    readonly encode: () => Promise<WireBody>;
  };
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T>;
    readonly parse: (decoded: T) => Promise<T>;
  };
  readonly requestTimeout?: number;
};

/** What kafkajs' own encoder looks like to the code that takes one. */
export type WireBody = {
  readonly buf: Buffer;
  readonly buffer: Buffer;
  /** Where the body begins in memory that has room for the headers before it. */
  readonly inPlace?: { readonly memory: Buffer; readonly start: number };
};

export type GroupMember = { readonly memberId: string; readonly memberMetadata: Buffer };

export interface KafkajsBroker {
  readonly nodeId: number;
  /** Once connected: what the node understands, by API key. */
  readonly versions: Readonly<Record<string, { readonly maxVersion: number }>> | null;
  readonly connectionPool: { send<T>(request: WireRequest<T>): Promise<T> };
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly GroupMember[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string; readonly metadata: null }[];
    }[];
  }): Promise<unknown>;
}

export interface KafkajsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  getNodeIds(): readonly string[];
  findBroker(options: { readonly nodeId: number }): Promise<KafkajsBroker>;
  findGroupCoordinator(options: { readonly groupId: string }): Promise<KafkajsBroker>;
}

type Encoder = {
  buf: Buffer;
  offset: number;
  inPlace?: WireBody['inPlace'];
  writeEncoder: (this: Encoder, value: WireBody) => Encoder;
};

type RequestQueue = {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
};

type Internals = {
  readonly Cluster: new (options: KafkajsClusterOptions) => KafkajsCluster;
  readonly createLogger: (options: { readonly level: number; readonly logCreator: unknown }) => KafkajsLogger;
  readonly createErrorFromCode: (code: number) => Error & { readonly type?: string; readonly retriable?: boolean };
  readonly RequestQueue: { readonly prototype: RequestQueue };
  readonly Encoder: { readonly prototype: Encoder };
};

export const { Cluster, createLogger, createErrorFromCode } = loadInternals();

const PENDING_CHECK_MS = 10;

function loadInternals(): Internals {
  const require = createRequire(import.meta.url);
  // Untyped modules: the casts state what the pinned version exports.
  const cluster: unknown = require('kafkajs/src/cluster');
  const loggers: unknown = require('kafkajs/src/loggers');
  const errors: unknown = require('kafkajs/src/protocol/error');
  const queue: unknown = require('kafkajs/src/network/requestQueue');
  const encoder: unknown = require('kafkajs/src/protocol/encoder');
  const internals: Internals = {
    Cluster: cluster as Internals['Cluster'],
    createLogger: (loggers as { createLogger: Internals['createLogger'] }).createLogger,
    createErrorFromCode: (errors as { createErrorFromCode: Internals['createErrorFromCode'] }).createErrorFromCode,
    RequestQueue: queue as Internals['RequestQueue'],
    Encoder: encoder as Internals['Encoder'],
  };
  patchIdleTimers(internals.RequestQueue.prototype);
  patchBodyCopies(internals.Encoder.prototype);
  return internals;
}

/**
 * kafkajs rearms a timer with a negative delay after every answer, also with nothing pending: some
 * 900 timers a second on each idle connection, and a TimeoutNegativeWarning for each on Node 24
 * (tulios/kafkajs #1751, #1768). A check is needed only while requests wait for a throttle to end.
 */
function patchIdleTimers(queue: RequestQueue): void {
  queue.scheduleCheckPendingRequests = function scheduleCheckPendingRequests(this: RequestQueue): void {
    if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
    const delayMs = Math.max(this.throttledUntil - Date.now(), PENDING_CHECK_MS);
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  };
}

/**
 * kafkajs copies a request's body twice, each time into zeroed memory of the next power of two: three
 * to four times its size, which the garbage collector is told of. A body with room before it gets its
 * headers written there.
 */
function patchBodyCopies(encoder: Encoder): void {
  const copyEncoder = encoder.writeEncoder;
  encoder.writeEncoder = function writeEncoder(this: Encoder, value: WireBody): Encoder {
    const { inPlace } = value;
    if (inPlace === undefined || inPlace.start < this.offset) return copyEncoder.call(this, value);
    const start = inPlace.start - this.offset;
    const end = inPlace.start + value.buffer.length;
    this.buf.copy(inPlace.memory, start, 0, this.offset);
    this.buf = inPlace.memory.subarray(start, end);
    this.offset = end - start;
    this.inPlace = { memory: inPlace.memory, start };
    return this;
  };
}
