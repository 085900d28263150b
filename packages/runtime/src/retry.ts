import { AppError, type RetryClass } from './app-error.ts';
import { RuntimeError } from './errors.ts';
import { sleep } from './wait.ts';

export type RetryPolicy = {
  /** First pause, milliseconds. */
  readonly initialMs: number;
  /** Longest pause, milliseconds. */
  readonly maxMs: number;
  /** No new attempt starts later than this after the first, milliseconds. Absent: no such limit. */
  readonly deadlineMs?: number;
  /** Attempts in all, the first included. Absent: no such limit. */
  readonly attemptsMax?: number;
};

export type RetryOptions = {
  readonly policy: RetryPolicy;
  /** Errors of these classes are tried again; all others are thrown at once. */
  readonly classes: readonly RetryClass[];
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (error: AppError, attempt: number, pauseMs: number) => void;
};

/**
 * The pause after one of `lastMs`, 0 for the first: drawn between the first and three times the last, at most the
 * longest, so that those that failed together part. Each retry of this project pauses so.
 */
export function nextPauseMs({ initialMs, maxMs }: Pick<RetryPolicy, 'initialMs' | 'maxMs'>, lastMs: number): number {
  return Math.min(maxMs, initialMs + Math.random() * (Math.max(initialMs, lastMs) * 3 - initialMs));
}

/**
 * Runs `work` until it succeeds, with decorrelated jitter between the attempts: each pause is drawn
 * between the first and three times the last, so that workers that failed together part.
 * @throws what `work` threw when its class is not to be retried; RuntimeError RT_RETRIES_SPENT with
 * the last failure as cause; RT_ABORTED.
 */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, classes, signal, onRetry } = options;
  const startedMs = performance.now();
  let pauseMs = policy.initialMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof AppError) || !classes.includes(error.retry)) throw error;
      const elapsedMs = Math.round(performance.now() - startedMs);
      pauseMs = nextPauseMs(policy, pauseMs);
      if (attempt >= (policy.attemptsMax ?? Infinity) || elapsedMs + pauseMs > (policy.deadlineMs ?? Infinity)) {
        throw new RuntimeError('RT_RETRIES_SPENT', { cause: error, context: { attempt, elapsedMs, code: error.code } });
      }
      onRetry?.(error, attempt, pauseMs);
      await sleep(pauseMs, signal);
    }
  }
}
