import { sleep, waitFor } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import { partitionOf } from '../partition-of.ts';
import type { OutgoingRecord, Producer, RecordPlace, SendOptions } from '../ports.ts';
import { chooseQueues } from './choose-queues.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf, messagingErrorOf } from './failure.ts';
import type { KafkaClient, TopicLeaders } from './kafka-client.ts';
import { createErrorFromCode } from './kafkajs-internals.ts';
import { PartitionQueue } from './partition-queue.ts';
import { SendCall } from './send-call.ts';
import { BufferPool } from './wire/buffer-pool.ts';
import { produceRequest, writeProduce } from './wire/produce.ts';

const UNKNOWN_TOPIC_MS = 5_000;
const UNKNOWN_TOPIC_PAUSE_MS = 200;

/**
 * Sends one round of batches after the other: while one is on its way, the calls that come meanwhile
 * gather for the next. That one rule keeps what is acknowledged and its order. Measured over five
 * freezes of the broker beyond the request's timeout, with eight senders: the client's idempotent
 * producer with overlapping sends lost five acknowledged records (a number given to one retried
 * batch was taken by another, which the broker then dropped as a duplicate); without idempotence,
 * overlapping, 36 were out of order; with one batch outstanding nothing was lost or out of order,
 * and five came twice. So batches carry no producer id, and readers drop duplicates by command id.
 */
export class KafkaProducer implements Producer {
  readonly #source: ClientSource;
  /** Not settled yet, oldest first. */
  readonly #open = new Set<SendCall>();
  /** Not given to their partitions yet. */
  #intake: SendCall[] = [];
  readonly #queues = new Map<string, PartitionQueue>();
  readonly #pool = new BufferPool();
  #bytesWaiting = 0;
  #nextWithoutKey = 0;
  #running: Promise<void> | undefined;
  #closing = false;

  constructor(source: ClientSource) {
    this.#source = source;
  }

  /** Not `async`: its frame would hold the records until they are settled. */
  send(topic: string, records: readonly OutgoingRecord[], options: SendOptions = {}): Promise<readonly RecordPlace[]> {
    if (this.#closing) return Promise.reject(new MessagingError('MSG_CLOSED', { context: { topic } }));
    if (records.length === 0) return Promise.resolve([]);
    const { deliveryTimeoutMs, bufferBytesMax } = this.#source.settings;
    const deadlineMs = performance.now() + deliveryTimeoutMs;
    const { places = true, signal } = options;
    const call = new SendCall(topic, records, { deadlineMs, places, onSettled: (settled) => this.#forget(settled) });
    if (this.#bytesWaiting > 0 && this.#bytesWaiting + call.bytes > bufferBytesMax) {
      const context = { topic, waitingBytes: this.#bytesWaiting, callBytes: call.bytes, bufferBytesMax };
      return Promise.reject(new MessagingError('MSG_BUFFER_FULL', { context }));
    }
    this.#open.add(call);
    this.#intake.push(call);
    this.#bytesWaiting += call.bytes;
    call.abortWith(signal);
    this.#running ??= this.#run();
    return call.result;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#running?.catch(() => undefined);
    this.#source.close();
  }

  async #run(): Promise<void> {
    // Calls of the same turn of the event loop leave together.
    await Promise.resolve();
    const expiry = setInterval(() => this.#expire(), 250);
    try {
      while (this.#open.size > 0) await this.#round();
    } finally {
      clearInterval(expiry);
      this.#queues.clear();
      this.#intake = [];
      // In the same turn as the last look at what is open: a later call starts a new run.
      this.#running = undefined;
    }
  }

  #forget(call: SendCall): void {
    this.#open.delete(call);
    this.#bytesWaiting -= call.bytes;
  }

  async #round(): Promise<void> {
    const oldest = this.#open.values().next().value;
    let client: KafkaClient;
    try {
      const timeoutMs = Math.max(1, (oldest?.deadlineMs ?? 0) - performance.now());
      client = await waitFor(this.#source.get(), { timeoutMs, stage: 'connecting the producer' });
    } catch (error) {
      this.#expire();
      if (failureOf(error) === 'fatal' && error instanceof MessagingError) this.#failAll(error);
      return;
    }
    try {
      const leaders = await this.#distribute(client);
      const sent = await this.#sendBatches(client, leaders);
      if (sent) this.#source.works();
      else if (this.#open.size > 0) await sleep(UNKNOWN_TOPIC_PAUSE_MS);
    } catch (error) {
      if (failureOf(error) === 'fatal') this.#failAll(messagingErrorOf(error, {}));
      await this.#source.discard(client, error);
    }
  }

  /** Gives every call's records to their partitions; calls for a topic that is not there yet stay. */
  async #distribute(client: KafkaClient): Promise<ReadonlyMap<string, TopicLeaders>> {
    const topics = new Set([...this.#intake, ...this.#queues.values()].map(({ topic }) => topic));
    const leaders = new Map<string, TopicLeaders>();
    for (const topic of topics) {
      const known = await this.#leadersOf(client, topic);
      if (known !== undefined) leaders.set(topic, known);
    }
    const waiting: SendCall[] = [];
    for (const call of this.#intake.splice(0)) {
      const known = leaders.get(call.topic);
      if (known !== undefined) this.#enqueue(call, known.size);
      else if (!call.done) waiting.push(call);
    }
    this.#intake.unshift(...waiting);
    return leaders;
  }

  async #leadersOf(client: KafkaClient, topic: string): Promise<TopicLeaders | undefined> {
    try {
      return await client.leaders(topic);
    } catch (thrown) {
      const error = messagingErrorOf(thrown, { topic });
      if (error.code !== 'MSG_UNKNOWN_TOPIC' && error.code !== 'MSG_REFUSED') throw thrown;
      const since = this.#source.settings.deliveryTimeoutMs - UNKNOWN_TOPIC_MS;
      for (const call of this.#open) {
        const waitedLong = error.code === 'MSG_REFUSED' || performance.now() > call.deadlineMs - since;
        if (call.topic === topic && waitedLong) call.fail(error);
      }
      return undefined;
    }
  }

  #enqueue(call: SendCall, partitionCount: number): void {
    const { topic, records } = call;
    if (call.done) return;
    const withoutKey = this.#nextWithoutKey++ % partitionCount;
    let queue: PartitionQueue | undefined; // neighbours often go to one
    for (let index = 0; index < records.length; index += 1) {
      const { partition: given, key = null } = records[index] ?? {};
      const partition = given ?? (key === null ? withoutKey : partitionOf(key, partitionCount));
      if (partition < 0 || partition >= partitionCount) {
        call.fail(new MessagingError('MSG_REFUSED', { detail: 'no such partition', context: { topic, partition } }));
        return;
      }
      if (queue?.partition !== partition) queue = this.#queueOf(topic, partition);
      queue.add(call, index);
    }
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    const name = `${topic}/${partition}`;
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = new PartitionQueue(topic, partition, this.#source.settings.batchBytesMax);
    this.#queues.set(name, queue);
    return queue;
  }

  /** One request to each leader; whether anything was sent. */
  async #sendBatches(client: KafkaClient, leaders: ReadonlyMap<string, TopicLeaders>): Promise<boolean> {
    const byLeader = chooseQueues(this.#queues, leaders);
    const outcomes = await Promise.allSettled(
      [...byLeader].map(async ([leader, queues]) => await this.#request(client, leader, queues)),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return byLeader.size > 0;
  }

  async #request(client: KafkaClient, leader: number, queues: readonly PartitionQueue[]): Promise<void> {
    const { requestTimeoutMs: timeoutMs } = this.#source.settings;
    const writer = writeProduce(queues, { timeoutMs, pool: this.#pool });
    const { partitions } = await client.send(leader, produceRequest(writer, timeoutMs));
    const again = settle(queues, partitions);
    // Answered: it has left. What failed may still be on its way, or is sent again from there.
    if (again !== undefined) throw again;
    this.#pool.give(writer.buffer);
  }

  #expire(): void {
    const nowMs = performance.now();
    for (const call of this.#open) {
      if (call.deadlineMs > nowMs) break;
      const context = {
        topic: call.topic,
        records: call.count,
        waitedMs: this.#source.settings.deliveryTimeoutMs,
      };
      call.fail(new MessagingError('MSG_UNDELIVERED', { context }));
    }
  }

  #failAll(error: MessagingError): void {
    for (const call of this.#open) call.fail(error);
  }
}

/** Settles what the broker took or refused for good; answers why anything is to be tried again. */
function settle(
  queues: readonly PartitionQueue[],
  answers: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly errorCode: number;
    readonly baseOffset: number;
  }[],
): Error | undefined {
  let again: Error | undefined;
  for (const queue of queues) {
    const answer = answers.find(({ topic, partition }) => topic === queue.topic && partition === queue.partition);
    if (answer?.errorCode === 0) {
      queue.acknowledge(answer.baseOffset);
      continue;
    }
    const error =
      answer === undefined ? new Error('the broker left a partition out') : createErrorFromCode(answer.errorCode);
    if (failureOf(error) === 'fatal') {
      queue.refuse(messagingErrorOf(error, { topic: queue.topic, partition: queue.partition }));
    } else {
      again = error;
    }
  }
  return again;
}
