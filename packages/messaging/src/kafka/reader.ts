import { waitFor } from '@tradestream/runtime';
import { MessagingError } from '../errors.ts';
import type { LogReader, LogRecord } from '../ports.ts';
import type { ClientSource } from './client-source.ts';
import { failureOf, messagingErrorOf } from './failure.ts';
import { type FetchedRecords, fetchTopic } from './fetch-topic.ts';

type ReadOptions = Parameters<LogReader['read']>[0];
type PeekOptions = Parameters<LogReader['peek']>[0];

const FETCH_BYTES_MAX = 8 * 1024 * 1024;
/** A read never waits for new records, so the broker need not either. */
const FETCH_WAIT_MS = 10;
const PEEK_GROWTH = 16;

/** Reads ranges with plain fetches: no group, no commit, nothing left behind on the broker. */
export class KafkaReader implements LogReader {
  readonly #source: ClientSource;

  constructor(source: ClientSource) {
    this.#source = source;
  }

  async *read(options: ReadOptions): AsyncGenerator<readonly LogRecord[]> {
    if (options.from >= options.to) return;
    let next: Promise<FetchedRecords> = this.#fetch(options, options.from, FETCH_BYTES_MAX);
    for (;;) {
      const { records, nextOffset, lastStableOffset } = await next;
      // The log may end in control records or gaps: it is read through when the fetch position says so.
      const done = nextOffset >= options.to || nextOffset >= lastStableOffset;
      // The next fetch is under way while the caller works on this one.
      if (!done) {
        next = this.#fetch(options, nextOffset, FETCH_BYTES_MAX);
        next.catch(() => undefined);
      }
      const inRange = records.at(-1)?.offset ?? -1;
      const wanted = inRange < options.to ? records : records.filter(({ offset }) => offset < options.to);
      if (wanted.length > 0) yield wanted;
      if (done) return;
    }
  }

  async peek(options: PeekOptions): Promise<LogRecord | null> {
    let from = options.from;
    // A batch comes whole however few bytes are asked for; stretches without records are read in growing steps.
    for (let bytesMax = 1; ; bytesMax = Math.min(FETCH_BYTES_MAX, bytesMax * PEEK_GROWTH)) {
      const { records, nextOffset, lastStableOffset } = await this.#fetch(options, from, bytesMax);
      const [first] = records;
      if (first !== undefined) return first;
      if (nextOffset >= lastStableOffset || nextOffset === from) return null;
      from = nextOffset;
    }
  }

  async close(): Promise<void> {
    this.#source.close();
  }

  /** Tries again on a new connection until the time for an administrative call is over. */
  async #fetch(options: PeekOptions, offset: number, bytesMax: number): Promise<FetchedRecords> {
    const { topic, partition, signal } = options;
    const context = { topic, partition, offset };
    const { adminTimeoutMs } = this.#source.settings;
    const deadlineMs = performance.now() + adminTimeoutMs;
    for (;;) {
      throwIfAborted(signal, context);
      try {
        const timeoutMs = Math.max(1, deadlineMs - performance.now());
        return await this.#fetchOnce(options, { offset, bytesMax, timeoutMs });
      } catch (error) {
        throwIfAborted(signal, context);
        if (failureOf(error) === 'fatal' || performance.now() >= deadlineMs) throw messagingErrorOf(error, context);
      }
    }
  }

  async #fetchOnce(
    options: PeekOptions,
    { offset, bytesMax, timeoutMs }: { readonly offset: number; readonly bytesMax: number; readonly timeoutMs: number },
  ): Promise<FetchedRecords> {
    const { topic, partition } = options;
    const bound = { timeoutMs, signal: options.signal, stage: 'reading the log' };
    const client = await waitFor(this.#source.get(), bound);
    try {
      const leaders = await waitFor(client.leaders(topic), bound);
      const leader = leaders.get(partition);
      if (leader === undefined) {
        throw new MessagingError('MSG_REFUSED', { detail: 'no such partition', context: { topic, partition } });
      }
      const request = {
        topic,
        partitions: [{ partition, offset }],
        partitionBytesMax: bytesMax,
        answerBytesMax: bytesMax,
        waitMs: FETCH_WAIT_MS,
        timeoutMs: this.#source.settings.requestTimeoutMs,
      };
      const [fetched] = await waitFor(fetchTopic(client, leader, request), bound);
      this.#source.works();
      if (fetched === undefined) throw new Error('the broker left the partition out');
      return fetched;
    } catch (error) {
      if (failureOf(error) === 'retry' && options.signal?.aborted !== true) await this.#source.discard(client, error);
      throw error;
    }
  }
}

function throwIfAborted(signal: AbortSignal | undefined, context: Readonly<Record<string, unknown>>): void {
  if (signal?.aborted === true) throw new MessagingError('MSG_ABORTED', { cause: signal.reason, context });
}
