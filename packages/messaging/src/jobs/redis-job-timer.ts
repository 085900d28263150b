import { errorOf, type Logger, waitFor } from '@tradestream/runtime';
import type * as BullMQ from 'bullmq';
import type { Redis } from 'ioredis';
import { MessagingError } from '../errors.ts';
import type { JobTimer } from './job-timer.ts';

export type RedisJobTimerOptions = {
  readonly url: string;
  /** Timers of the same name share what is enqueued. No colon in it. */
  readonly queue: string;
  /** Longest wait for Redis, ms, at every call: its client would wait for ever. */
  readonly deadlineMs: number;
  readonly log: Logger;
};

/** Ids handed out at once: a handler only begins its job. */
const CONCURRENCY = 16;
/** Pause of a consumer after Redis failed it, ms. */
const RETRY_MS = 1_000;

/**
 * A timer on BullMQ. It opens whether Redis answers or not, and goes on by itself once it does. The
 * libraries are loaded here and not before: no service that has no jobs pays for them.
 */
export async function openRedisJobTimer(options: RedisJobTimerOptions): Promise<JobTimer> {
  const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
  // BullMQ asks for null: a command waits for Redis, and it is the callers here who do not.
  const redis = new ioredis.Redis(options.url, { maxRetriesPerRequest: null });
  return new RedisJobTimer(options, redis, bullmq);
}

class RedisJobTimer implements JobTimer {
  readonly #options: RedisJobTimerOptions;
  readonly #redis: Redis;
  /** Every connection, also those that BullMQ makes of the first: each is ended here. */
  readonly #connections: Redis[] = [];
  readonly #bullmq: typeof BullMQ;
  readonly #queue: BullMQ.Queue;
  #worker: BullMQ.Worker | null = null;
  #isAway = false;
  #closing: Promise<void> | null = null;

  constructor(options: RedisJobTimerOptions, redis: Redis, bullmq: typeof BullMQ) {
    this.#options = options;
    this.#redis = redis;
    this.#bullmq = bullmq;
    this.#connections.push(redis);
    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (override) => {
      const made = duplicate(override);
      this.#connections.push(made);
      return made;
    };
    redis.on('close', () => {
      this.#isAway = true;
    });
    redis.on('ready', () => {
      this.#isAway = false;
    });
    this.#queue = new bullmq.Queue(options.queue, { connection: redis });
    for (const each of [redis, this.#queue]) each.on('error', this.#onError);
  }

  async enqueue(jobId: string): Promise<void> {
    const { deadlineMs } = this.#options;
    if (this.#closing !== null) throw new MessagingError('MSG_CLOSED', { detail: 'the timer is closed' });
    // What is given to a client without a connection waits in its memory: not more than one deadline's worth.
    if (this.#isAway) throw new MessagingError('MSG_TIMER_UNAVAILABLE', { detail: 'there is no connection' });
    const added = this.#queue.add('run', { jobId }, { removeOnComplete: true, removeOnFail: true });
    try {
      await waitFor(added, { timeoutMs: deadlineMs, stage: 'enqueue a job' });
    } catch (cause) {
      throw new MessagingError('MSG_TIMER_UNAVAILABLE', { cause, context: { deadlineMs } });
    }
  }

  consume(handler: (jobId: string) => Promise<void>): void {
    this.#worker = new this.#bullmq.Worker<{ readonly jobId: string }>(
      this.#options.queue,
      async ({ data }) => await handler(data.jobId),
      { connection: this.#redis, concurrency: CONCURRENCY, runRetryDelay: RETRY_MS },
    );
    this.#worker.on('error', this.#onError);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { deadlineMs } = this.#options;
    const closed = Promise.allSettled([this.#worker?.close(), this.#queue.close()]);
    await waitFor(closed, { timeoutMs: deadlineMs, stage: 'close the timer' }).catch(this.#onError);
    for (const each of this.#connections) each.disconnect();
  }

  readonly #onError = (error: unknown): void => {
    this.#options.log.debug({ error: errorOf(error), queue: this.#options.queue }, 'job_timer_failed');
  };
}
