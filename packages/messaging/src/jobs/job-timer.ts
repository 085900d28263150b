import type { Closeable } from '@tradestream/runtime';

/**
 * Says "run this job now", to this process or another one of the same queue. It may say so twice or
 * forget it: the truth of a job stands elsewhere, and whoever keeps it asks again.
 */
export interface JobTimer extends Closeable {
  /**
   * Resolves when the asking was taken. Never waits longer than the deadline of the timer.
   * @throws {MessagingError} MSG_TIMER_UNAVAILABLE, MSG_CLOSED
   */
  enqueue(jobId: string): Promise<void>;
  /** Calls the handler with each id, some at a time. One that throws is not called again for it. Once a timer. */
  consume(handler: (jobId: string) => Promise<void>): void;
  /** Nothing is delivered after it. Handlers under way are waited for, up to the deadline. */
  close(): Promise<void>;
}
