import type { LogRecord, MessageLog, Subscription } from '@tradestream/messaging';

/** A consumer of one topic whose pace a test sets: it commits what it took, or nothing more. */
export class ScriptedConsumer implements AsyncDisposable {
  #subscription: Subscription | null = null;
  #isStuck = false;
  #committed = 0;

  static async open(
    kafka: MessageLog,
    options: { readonly group: string; readonly topic: string; readonly from?: number },
  ): Promise<ScriptedConsumer> {
    const consumer = new ScriptedConsumer();
    const assigned = Promise.withResolvers<void>();
    consumer.#subscription = await kafka.subscribe(
      { group: options.group, topic: options.topic, clientId: 'scripted' },
      {
        assigned: async (partitions) => {
          assigned.resolve();
          return new Map(partitions.map((partition) => [partition, options.from ?? 0]));
        },
        revoked: async () => undefined,
        records: async ({ records }) => await consumer.#take(records),
      },
    );
    await assigned.promise;
    return consumer;
  }

  get committed(): number {
    return this.#committed;
  }

  /** It stays in the group and takes nothing any more. */
  getStuck(): void {
    this.#isStuck = true;
  }

  /** Commits partition 0 at this offset. */
  async commit(offset: number): Promise<void> {
    await this.#subscription?.commit(new Map([[0, offset]]));
    this.#committed = offset;
  }

  async close(): Promise<void> {
    await this.#subscription?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(records: readonly LogRecord[]): Promise<void> {
    const last = records.at(-1);
    if (this.#isStuck || last === undefined) return;
    await this.commit(last.offset + 1);
  }
}
