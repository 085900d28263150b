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
  /** The text of one header, the last of its name, where that is cheaper than reading all of them. */
  readonly headerText?: (name: string) => string | null;
  /** Bytes of the value, where the value itself is made only when it is asked for; 0 for null. */
  readonly valueBytes?: number;
  /** One byte of the value, where that is cheaper than the value; -1 where it has none. */
  readonly valueByteAt?: (at: number) => number;
};

export type RecordHeaders = Readonly<Record<string, Buffer | string | readonly (Buffer | string)[] | undefined>>;

export type OutgoingRecord = {
  /** Absent: murmur2 of the key, as Java's default partitioner does. */
  readonly partition?: number;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  /** Bytes of the value, where it is put together only when it is asked for or by `writeValue`. */
  readonly valueBytes?: number;
  /** Writes the value at a place in memory that has room for it: for a value that need not be made first. */
  writeValue?(target: Buffer, at: number): void;
  readonly headers?: RecordHeaders;
  readonly timestampMs?: number;
};

export type SendOptions = {
  readonly signal?: AbortSignal;
  /** False where nobody reads the places: they may be left out, then it resolves with none. */
  readonly places?: boolean;
};

export type RecordPlace = { readonly partition: number; readonly offset: number };

/**
 * Appends records. Calls may overlap; batches are sent one after the other (one outstanding), in
 * the order of the calls, with acks from all in-sync replicas.
 */
export interface Producer {
  /**
   * Resolves with the place of each record, in the order given, once all are acknowledged. A
   * rejection may leave any of them on the log: consumers must drop duplicates. The records and their
   * bytes are read until then, and never afterwards.
   * @throws {MessagingError} MSG_UNDELIVERED, MSG_UNKNOWN_TOPIC, MSG_BUFFER_FULL, MSG_REFUSED,
   * MSG_ABORTED (the records may still arrive), MSG_CLOSED
   */
  send(topic: string, records: readonly OutgoingRecord[], options?: SendOptions): Promise<readonly RecordPlace[]>;
  /** Waits for what was sent, up to the delivery timeout. Idempotent. */
  close(): Promise<void>;
}

export type RecordBatch = {
  readonly partition: number;
  /** In offset order. Offsets may have gaps (compaction, control records). */
  readonly records: readonly LogRecord[];
  /** Offset after the last record that the broker holds, as known with this fetch. */
  readonly highWatermark: number;
};

/**
 * What a subscription tells its owner. Calls for one subscription never overlap, except `records`
 * of different partitions, and a call that has not ended `drainMs` after its assignment was lost.
 * Heartbeats go on while a call is pending, so a slow owner keeps its place in the group.
 */
export interface SubscriptionHandler {
  /**
   * Partitions were assigned (possibly none). Resolves with the offset at which each is to begin:
   * records below it are never delivered, nor any fetched before. A partition left out is not
   * consumed until the next assignment. `signal` aborts when the assignment is lost, which may be
   * while this call is pending or any time later. A rejection stops the subscription, except after
   * the abort.
   */
  assigned(partitions: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, number>>;
  /**
   * All partitions of the last `assigned` were taken away, also by `rejoin` and `close`; no record
   * of them is delivered after this was called. The group waits for this up to `drainMs`.
   */
  revoked(partitions: readonly number[]): Promise<void>;
  /**
   * Resolves when the next records of that partition may come: this is the back-pressure. What
   * waits meanwhile comes as one batch. A rejection stops the subscription, except after the
   * assignment was lost.
   */
  records(batch: RecordBatch): Promise<void>;
}

/** A member of a consumer group. Offsets are committed only by `commit`. */
export interface Subscription {
  /** Commits the offset *after* the last processed record of each partition; a courtesy to tools. Partitions no longer assigned are left out. */
  commit(next: ReadonlyMap<number, number>): Promise<void>;
  /**
   * Leaves the group and joins it again: a fenced owner asks for a new assignment. Resolves at
   * once, so that a handler may call it; `revoked` and `assigned` tell what came of it.
   */
  rejoin(): Promise<void>;
  /** Stops delivery, waits up to `drainMs` for running handlers, calls `revoked`, leaves the group. Idempotent. */
  close(): Promise<void>;
  /** Rejects with a MessagingError when the subscription died for good; resolves when it was closed. */
  readonly ended: Promise<void>;
}

export type PartitionRange = { readonly partition: number; readonly start: number; readonly end: number };

export type GroupSummary = {
  readonly group: string;
  readonly protocolType: string;
  /** As the broker names it (`Stable`, `Empty` ...); null where a broker before 3.8 does not list it. */
  readonly state: string | null;
  /** `classic`, or `consumer` for a group of KIP-848, or what else the broker names. */
  readonly protocol: string;
};

export type GroupMember = {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
};

/**
 * Reads and changes of cluster state, each bounded by a timeout.
 * @throws {MessagingError} MSG_UNREACHABLE, MSG_REFUSED, MSG_UNKNOWN_TOPIC, MSG_CLOSED
 */
export interface LogAdmin {
  clusterId(): Promise<string>;
  /**
   * Creates what is missing; a topic that exists with this number of partitions is left as it is.
   * @throws {MessagingError} MSG_TOPIC_DIFFERS
   */
  createTopics(
    topics: readonly {
      readonly topic: string;
      readonly partitions: number;
      readonly config?: Readonly<Record<string, string>>;
    }[],
  ): Promise<void>;
  /** Topics that do not exist are no error. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  partitionCount(topic: string): Promise<number | null>;
  /** First offset kept and offset after the last record, by partition. */
  ranges(topic: string): Promise<readonly PartitionRange[]>;
  /** The first offset at or after a time, by partition, as the timestamps of the records say; the end where none is. */
  offsetsAt(topic: string, timeMs: number): Promise<ReadonlyMap<number, number>>;
  /** Every group, of both protocols, sorted by name. */
  groups(): Promise<readonly GroupSummary[]>;
  /** Members of classic groups and what each was assigned; those of a KIP-848 group are not told (empty). */
  groupMembers(group: string): Promise<readonly GroupMember[]>;
  /** What the group has committed on every topic. */
  committedOffsets(
    group: string,
  ): Promise<readonly { readonly topic: string; readonly partition: number; readonly committed: number }[]>;
  /** `state` as the broker names it (`Stable`, `Empty`, `Dead` ...); a group that does not exist is `Dead`. */
  groupState(group: string): Promise<{ readonly state: string; readonly members: number }>;
  /** Committed offsets; null where none was committed. */
  groupOffsets(
    group: string,
    topic: string,
  ): Promise<readonly { readonly partition: number; readonly committed: number | null }[]>;
  /** A group that does not exist is no error; one with members is (MSG_REFUSED). */
  deleteGroup(group: string): Promise<void>;
  /** Settings of the topic as they are in force, defaults included. */
  topicConfig(topic: string): Promise<Readonly<Record<string, string>>>;
  deleteRecords(topic: string, before: ReadonlyMap<number, number>): Promise<void>;
  close(): Promise<void>;
}

/** Reads single records or ranges outside any group (verification, tools, replay). */
export interface LogReader {
  /**
   * Records of one partition from `from` to before `to` (exclusive), in order, in batches. Ends at
   * the end of the log when that comes first: it never waits for records to come.
   * @throws {MessagingError} MSG_OFFSET_OUT_OF_RANGE, MSG_UNKNOWN_TOPIC, MSG_UNREACHABLE,
   * MSG_UNREADABLE_BATCH, MSG_ABORTED, MSG_CLOSED
   */
  read(options: {
    readonly topic: string;
    readonly partition: number;
    readonly from: number;
    readonly to: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<readonly LogRecord[]>;
  /**
   * The first record at or after `from`, read with as few bytes as the broker allows; null when there
   * is none up to the end: control records and those of aborted transactions are no records.
   * @throws {MessagingError} as `read`
   */
  peek(options: {
    readonly topic: string;
    readonly partition: number;
    readonly from: number;
    readonly signal?: AbortSignal;
  }): Promise<LogRecord | null>;
  close(): Promise<void>;
}

export type SubscribeOptions = {
  readonly group: string;
  readonly topic: string;
  readonly clientId: string;
  /** Silence after which the group takes a member for dead, ms; default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** Most bytes of one fetch over all partitions of this member, of which each gets a fair share; default 1 MiB. */
  readonly fetchBytesMax?: number;
  /** Longest wait of the broker for new records, ms; default 100. Also the longest delay of a partition that comes back from back-pressure. */
  readonly fetchWaitMs?: number;
  /**
   * Pause after a fetch that brought little, in which more gathers for the next, ms; default 0. Where
   * nothing came for a while the next record is brought at once.
   */
  readonly fetchGatherMs?: number;
  /** Longest wait for handlers when an assignment is lost, ms; default half the session timeout. */
  readonly drainMs?: number;
};

/** Everything a process needs of one cluster. */
export interface MessageLog {
  /** Resolves when the cluster answers; waits for it with growing pauses. `signal` ends the wait (MSG_ABORTED). */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Resolves at once; the producer connects when it first sends and after each failure. */
  openProducer(options: { readonly clientId: string }): Promise<Producer>;
  /** Resolves at once; the member joins when the cluster, the topic and the group's coordinator are there. */
  subscribe(options: SubscribeOptions, handler: SubscriptionHandler): Promise<Subscription>;
  openAdmin(): Promise<LogAdmin>;
  openReader(): Promise<LogReader>;
  /** Closes what was opened from it and is still open. Idempotent. */
  close(): Promise<void>;
}
