import { errorOf, invariant } from '@tradestream/runtime';
import { Assignment } from '../assignment.ts';
import { MessagingError } from '../errors.ts';
import type { SubscribeOptions, Subscription, SubscriptionHandler } from '../ports.ts';
import type { MemoryGroup } from './memory-group.ts';
import type { MemoryTopic } from './memory-topic.ts';

const RECORDS_PER_BATCH_MAX = 5_000;

export class MemorySubscription implements Subscription {
  readonly topic: string;
  readonly clientId: string;
  readonly ended: Promise<void>;
  readonly #group: MemoryGroup;
  readonly #find: (name: string) => MemoryTopic | undefined;
  readonly #handler: SubscriptionHandler;
  readonly #drainMs: number;
  readonly #end = Promise.withResolvers<void>();
  #assignment: Assignment | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    options: SubscribeOptions,
    handler: SubscriptionHandler,
    home: { readonly group: MemoryGroup; readonly find: (name: string) => MemoryTopic | undefined },
  ) {
    this.topic = options.topic;
    this.clientId = options.clientId;
    this.#handler = handler;
    this.#drainMs = options.drainMs ?? (options.sessionTimeoutMs ?? 10_000) / 2;
    this.#group = home.group;
    this.#find = home.find;
    this.ended = this.#end.promise;
    this.ended.catch(() => undefined);
  }

  get partitions(): readonly number[] {
    return this.#assignment?.partitions ?? [];
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    this.#group.commit(this.topic, new Map([...next].filter(([partition]) => this.partitions.includes(partition))));
  }

  async rejoin(): Promise<void> {
    if (this.#closing !== undefined) return;
    void this.#group
      .leave(this)
      .then(async () => {
        if (this.#closing === undefined) await this.#group.join(this);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  close(): Promise<void> {
    this.#closing ??= this.#group.leave(this).finally(() => this.#end.resolve());
    return this.#closing;
  }

  /** Called by the group alone. */
  async revoke(): Promise<void> {
    const assignment = this.#assignment;
    if (assignment === undefined) return;
    try {
      await assignment.end(this.#drainMs);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#assignment = undefined;
    }
  }

  /** Called by the group alone; the owner answers in its own time. */
  assign(partitions: readonly number[]): void {
    const assignment = new Assignment(this.#handler, partitions);
    this.#assignment = assignment;
    this.#run(assignment).catch((error: unknown) => this.#fail(error));
  }

  async #run(assignment: Assignment): Promise<void> {
    const starts = await assignment.begin();
    await Promise.all(
      [...starts].map(async ([partition, offset]) => await this.#pump(assignment, { partition, offset })),
    );
  }

  async #pump(assignment: Assignment, start: { readonly partition: number; readonly offset: number }): Promise<void> {
    const partition = this.#find(this.topic)?.partition(start.partition);
    invariant(partition !== undefined, 'only partitions that exist are assigned');
    for (let offset = start.offset; !assignment.signal.aborted; ) {
      await partition.waitFor(offset, assignment.signal);
      const records = partition.read(offset, RECORDS_PER_BATCH_MAX);
      offset += records.length;
      await assignment.deliver({ partition: start.partition, records, highWatermark: partition.end });
    }
  }

  #fail(thrown: unknown): void {
    const cause = errorOf(thrown);
    const error = cause instanceof MessagingError ? cause : new MessagingError('MSG_HANDLER_FAILED', { cause });
    this.#end.reject(error);
    void this.close();
  }
}
