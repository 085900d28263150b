import {
  createMemoryLog,
  type LogAdmin,
  type LogReader,
  type LogRecord,
  type MessageLog,
  MessagingError,
  type OutgoingRecord,
  type Producer,
  type RecordBatch,
  type RecordPlace,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionHandler,
} from '@tradestream/messaging';
import { Actor, type Scheduler } from './scheduler.ts';

export type AppendedRecord = RecordPlace & { readonly key: string | null; readonly value: Buffer | null };

/** What may go wrong on the way to the broker and back. */
export type LogFaults = {
  readonly losesRequest: () => boolean;
  readonly losesAnswer: () => boolean;
};

const DELIVERY_TIMEOUT_MS = 3_000;

/**
 * The in-memory log of the messaging package, at a distance: requests and answers take their time and
 * may be lost, records come in pieces, a member of a group may be taken for dead while it lives.
 */
export class SimulatedLog {
  readonly actor = new Actor('broker');
  readonly scheduler: Scheduler;
  readonly log: MessageLog;
  faults: LogFaults | null = null;
  /** A planted bug: producers answer before the broker has. */
  isForgetful = false;
  /** Every record that was appended, also those that have expired. */
  readonly appended = new Map<string, AppendedRecord[]>();
  readonly #hop: () => number;
  readonly #writer: Promise<Producer>;
  readonly #ends = new Map<string, number>();

  constructor(options: { readonly scheduler: Scheduler; readonly hop: () => number; readonly epochMs: number }) {
    const { scheduler, hop, epochMs } = options;
    this.scheduler = scheduler;
    this.#hop = hop;
    const nowMs = () => Math.floor(epochMs + scheduler.nowMs);
    this.log = createMemoryLog({ clock: { nowMs, monotonicMs: () => scheduler.nowMs } });
    this.#writer = this.log.openProducer({ clientId: 'writer' });
  }

  /** A request of one process and its answer. */
  ask<T>(actor: Actor, label: string, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => this.scheduler.after(actor, this.#hop(), `${label} answered`, settle);
      const time = this.scheduler.after(actor, DELIVERY_TIMEOUT_MS, `${label} timed out`, () =>
        reject(new MessagingError('MSG_UNREACHABLE')),
      );
      const settled = (settle: () => void) => () => {
        this.scheduler.cancel(time);
        settle();
      };
      if (this.faults?.losesRequest() === true) return;
      this.scheduler.after(this.actor, this.#hop(), label, () => {
        work().then(
          (value) => {
            if (this.faults?.losesAnswer() !== true) answer(settled(() => resolve(value)));
          },
          (error: Error) => answer(settled(() => reject(error))),
        );
      });
    });
  }

  producerFor(actor: Actor): Producer {
    const inner = this.log.openProducer({ clientId: actor.name });
    return {
      send: async (topic, records) => {
        // Copied on arrival, or when the call ends without: until then the bytes are the sender's not to touch.
        let copies: readonly OutgoingRecord[] | undefined;
        const copiesOf = () => (copies ??= records.map(copied));
        const answer = this.ask(actor, `produce ${topic} ${records.length}`, async () => {
          const arrived = copiesOf();
          return this.#appended(topic, arrived, await (await inner).send(topic, arrived));
        });
        if (this.isForgetful) {
          copiesOf();
          answer.catch(() => undefined);
          return [];
        }
        try {
          return await answer;
        } catch (error) {
          copiesOf();
          if (error instanceof MessagingError && error.code === 'MSG_UNREACHABLE') {
            throw new MessagingError('MSG_UNDELIVERED', { cause: error });
          }
          throw error;
        }
      },
      close: async () => undefined,
    };
  }

  /** Appends a record at once. */
  append(topic: string, record: OutgoingRecord): void {
    void this.#writer.then(async (producer) => this.#appended(topic, [record], await producer.send(topic, [record])));
  }

  /** Offset after the last record of a partition. */
  endOf(topic: string, partition: number): number {
    return this.#ends.get(`${topic}/${partition}`) ?? 0;
  }

  #appended(topic: string, records: readonly OutgoingRecord[], places: readonly RecordPlace[]): readonly RecordPlace[] {
    const all = this.appended.get(topic) ?? [];
    this.appended.set(topic, all);
    for (const [index, { partition, offset }] of places.entries()) {
      this.#ends.set(`${topic}/${partition}`, offset + 1);
      const { key = null, value = null } = records[index] ?? {};
      all.push({ partition, offset, key: key === null ? null : key.toString(), value });
    }
    return places;
  }

  adminFor(actor: Actor, admin: LogAdmin): LogAdmin {
    return {
      ...admin,
      ranges: async (topic) => await this.ask(actor, 'ranges', async () => await admin.ranges(topic)),
    };
  }

  readerFor(actor: Actor, reader: LogReader): LogReader {
    return {
      ...reader,
      read: (options) => this.#read(actor, reader, options),
      peek: async (options) => await this.ask(actor, 'peek', async () => await reader.peek(options)),
    };
  }

  async *#read(actor: Actor, reader: LogReader, options: Parameters<LogReader['read']>[0]) {
    yield* await this.ask(actor, 'read', async () => {
      const batches: (readonly LogRecord[])[] = [];
      for await (const records of reader.read(options)) batches.push(records);
      return batches;
    });
  }

  hop(): number {
    return this.#hop();
  }
}

/**
 * One process's place in a group. The process hears of assignments and records in tasks of its own; a
 * member that is expelled hears that it was revoked only when it listens again.
 */
export class Member implements Subscription {
  readonly ended = new Promise<void>(() => undefined);
  onEnded: (() => void) | null = null;
  readonly #home: SimulatedLog;
  readonly #actor: Actor;
  readonly #options: SubscribeOptions;
  readonly #handler: SubscriptionHandler;
  #inner: Subscription | null = null;
  /** Of the assignment that the process knows of; records of an earlier one are not delivered. */
  #generation = 0;
  #isClosed = false;
  #heardUntilMs = 0;
  /** Records that come as one piece at most. */
  readonly #pieceMax: number;

  constructor(
    home: SimulatedLog,
    actor: Actor,
    options: {
      readonly subscribe: SubscribeOptions;
      readonly handler: SubscriptionHandler;
      readonly pieceMax: number;
    },
  ) {
    this.#home = home;
    this.#actor = actor;
    this.#options = options.subscribe;
    this.#handler = options.handler;
    this.#pieceMax = options.pieceMax;
  }

  get actor(): Actor {
    return this.#actor;
  }

  join(): void {
    this.#tell('join', async () => {
      if (this.#isClosed || this.#inner !== null) return;
      this.#inner = await this.#home.log.subscribe(this.#options, this.#delivering());
      const { scheduler, actor } = this.#home;
      // What it was to read next is gone, say: its process ends and starts again.
      this.#inner.ended.catch(() => scheduler.after(actor, 0, `end ${this.#actor.name}`, () => this.onEnded?.()));
    });
  }

  async commit(next: ReadonlyMap<number, number>): Promise<void> {
    await this.#home.ask(this.#actor, 'commit offsets', async () => await this.#inner?.commit(next));
  }

  async rejoin(): Promise<void> {
    this.#tell('rejoin', async () => {
      await this.#inner?.rejoin();
    });
  }

  async close(): Promise<void> {
    this.leave();
  }

  /** The group takes this member for dead; it is told when it comes back. */
  expel(): void {
    const inner = this.#inner;
    this.#inner = null;
    this.#home.scheduler.note(`expel ${this.#actor.name}`);
    void inner?.close();
  }

  leave(): void {
    this.#isClosed = true;
    this.expel();
  }

  #tell(label: string, work: () => Promise<void>): void {
    this.#home.scheduler.after(this.#home.actor, this.#home.hop(), `${label} ${this.#actor.name}`, () => {
      void work();
    });
  }

  #delivering(): SubscriptionHandler {
    // Of this subscription: one that was expelled may go on for a while beside the one that follows it.
    let generation = 0;
    return {
      assigned: async (partitions, lost) => {
        const own = new AbortController();
        lost.addEventListener('abort', () => this.#later('assignment lost', () => own.abort(lost.reason)), {
          once: true,
        });
        return await this.#call('assigned', async () => {
          this.#generation += 1;
          generation = this.#generation;
          return await this.#handler.assigned(partitions, own.signal);
        });
      },
      revoked: async (partitions) => {
        await this.#call('revoked', async () => {
          this.#generation += 1;
          await this.#handler.revoked(partitions);
        });
      },
      records: async (batch) => await this.#deliver(batch, generation),
    };
  }

  async #deliver(batch: RecordBatch, generation: number): Promise<void> {
    for (let at = 0; at < batch.records.length; at += this.#pieceMax) {
      const records = batch.records.slice(at, at + this.#pieceMax);
      await this.#call(`records ${batch.partition} ${records.length}`, async () => {
        if (generation === this.#generation) await this.#handler.records({ ...batch, records });
      });
    }
  }

  /** Runs in the process, and answers in the broker's time. */
  #call<T>(label: string, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#later(label, () => {
        const { scheduler, actor } = this.#home;
        work().then(
          (value) => scheduler.after(actor, 0, `${label} done`, () => resolve(value)),
          (error: unknown) => scheduler.after(actor, 0, `${label} failed`, () => reject(error)),
        );
      });
    });
  }

  /** One behind the other, in the order in which the group has it. */
  #later(label: string, run: () => void): void {
    const { scheduler } = this.#home;
    this.#heardUntilMs = Math.max(this.#heardUntilMs, scheduler.nowMs + this.#home.hop());
    scheduler.after(this.#actor, this.#heardUntilMs - scheduler.nowMs, label, run);
  }
}

/** Part by part: a record may make them only when they are asked for. */
function copied({ partition, key, value, headers, timestampMs }: OutgoingRecord): OutgoingRecord {
  return {
    ...(partition === undefined ? {} : { partition }),
    key,
    value: value === null ? null : Buffer.from(value),
    ...(headers === undefined ? {} : { headers }),
    ...(timestampMs === undefined ? {} : { timestampMs }),
  };
}
