import { setTimeout as delay } from 'node:timers/promises';
import { RuntimeError } from './errors.ts';

export type WaitOptions = {
  /** Milliseconds; absent waits as long as the signal allows. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, named in the error. */
  readonly stage: string;
};

/**
 * The promise's outcome, or an error once the time is over or the signal aborts. The work behind
 * the promise goes on: whoever started it must be able to stand its late outcome.
 * @throws {RuntimeError} RT_TIMEOUT, RT_ABORTED
 */
export async function waitFor<T>(promise: Promise<T>, options: WaitOptions): Promise<T> {
  const { timeoutMs, signal, stage } = options;
  if (signal?.aborted === true) {
    promise.catch(() => undefined);
    throw aborted(stage, signal);
  }
  return await new Promise<T>((resolve, reject) => {
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => finish(() => reject(new RuntimeError('RT_TIMEOUT', { context: { stage, timeoutMs } }))),
            timeoutMs,
          );
    const onAbort = () => finish(() => reject(aborted(stage, signal)));
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
  });
}

/**
 * Resolves after `ms` milliseconds.
 * @throws {RuntimeError} RT_ABORTED as soon as the signal aborts.
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw new RuntimeError('RT_ABORTED', { cause, context: { stage: 'sleep' } });
  }
}

function aborted(stage: string, signal: AbortSignal | undefined): RuntimeError {
  return new RuntimeError('RT_ABORTED', { cause: signal?.reason, context: { stage } });
}
