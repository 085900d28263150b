/** One record of a log, as the broker carries it. Bytes are never decoded here. */
export type LogRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the epoch: the record's timestamp on the log. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
};

export type RecordHeaders = Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>;

export type OutgoingRecord = {
  /** Absent: murmur2 of the key, as Java's default partitioner does. */
  readonly partition?: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: RecordHeaders;
  readonly timestampMs?: number;
};

export type RecordPlace = { readonly partition: number; readonly offset: number };

/**
 * Appends records. Calls may overlap; batches are sent one after the other (one outstanding), in
 * the order of the calls, with acks from all in-sync replicas.
 */
export interface Producer {
  /**
   * Resolves with the place of each record, in the order given, once all are acknowledged. A
   * rejection may leave any of them on the log: consumers must drop duplicates.
   */
  send(
    topic: string,
    records: readonly OutgoingRecord[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly RecordPlace[]>;
  close(): Promise<void>;
}

export type RecordBatch = {
  readonly partition: number;
  /** In offset order. Offsets may have gaps (compaction, control records). */
  readonly records: readonly LogRecord[];
  /** Offset after the last record that the broker holds, as known with this fetch. */
  readonly highWatermark: number;
};

/** What a subscription tells its owner. Calls for one subscription never overlap, except `records` of different partitions. */
export interface SubscriptionHandler {
  /**
   * Partitions were assigned. Resolves with the offset at which each is to begin: records below it
   * are never delivered, nor any fetched before. A partition left out is not consumed until the
   * next assignment. `signal` aborts when the assignment is lost.
   */
  assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>>;
  /** Partitions were taken away; no record of them is delivered after this was called. */
  revoked(partitions: readonly number[]): Promise<void>;
  /** Resolves when the next records of that partition may come: this is the back-pressure. A rejection stops the subscription. */
  records(batch: RecordBatch): Promise<void>;
}

/** A member of a consumer group. Offsets are committed only by `commit`. */
export interface Subscription {
  /** Commits the offset *after* the last processed record of each partition; a courtesy to tools. Partitions no longer assigned are left out. */
  commit(next: ReadonlyMap<number, number>): Promise<void>;
  /** Leaves the group and joins it again: a fenced owner asks for a new assignment. */
  rejoin(): Promise<void>;
  /** Stops delivery, waits for running handlers, leaves the group. */
  close(): Promise<void>;
  /** Rejects with a MessagingError when the subscription died for good; never resolves otherwise until closed. */
  readonly ended: Promise<void>;
}

export type PartitionRange = { readonly partition: number; readonly start: number; readonly end: number };

/** Reads and changes of cluster state, each bounded by a timeout. */
export interface LogAdmin {
  clusterId(): Promise<string>;
  createTopics(
    topics: readonly {
      readonly topic: string;
      readonly partitions: number;
      readonly config?: Readonly<Record<string, string>>;
    }[],
  ): Promise<void>;
  deleteTopics(topics: readonly string[]): Promise<void>;
  partitionCount(topic: string): Promise<number | null>;
  /** First offset kept and offset after the last record, by partition. */
  ranges(topic: string): Promise<readonly PartitionRange[]>;
  groups(): Promise<readonly { readonly group: string; readonly protocolType: string }[]>;
  groupState(group: string): Promise<{ readonly state: string; readonly members: number }>;
  /** Committed offsets; null where none was committed. */
  groupOffsets(
    group: string,
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly committed: number | null }[]>;
  deleteGroup(group: string): Promise<void>;
  deleteRecords(topic: string, before: ReadonlyMap<number, number>): Promise<void>;
  close(): Promise<void>;
}

/** Reads single records or ranges outside any group (verification, tools, replay). */
export interface LogReader {
  /** Records of one partition from `from` to before `to` (exclusive), in order, in batches. */
  read(options: {
    readonly topic: string;
    readonly partition: number;
    readonly from: number;
    readonly to: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<readonly LogRecord[]>;
  close(): Promise<void>;
}

/** Everything a process needs of one cluster. */
export interface MessageLog {
  openProducer(options: { readonly clientId: string }): Promise<Producer>;
  subscribe(
    options: {
      readonly group: string;
      readonly topic: string;
      readonly clientId: string;
      readonly sessionTimeoutMs?: number;
      readonly fetchBytesMax?: number;
    },
    handler: SubscriptionHandler,
  ): Promise<Subscription>;
  openAdmin(): Promise<LogAdmin>;
  openReader(): Promise<LogReader>;
  close(): Promise<void>;
}
