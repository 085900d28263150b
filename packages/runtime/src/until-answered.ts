import type { Logger } from './log.ts';
import type { Readiness } from './readiness.ts';
import { type RetryOptions, retry } from './retry.ts';

export type UntilAnsweredOptions = Partial<Pick<RetryOptions, 'classes' | 'policy'>> & {
  readonly log: Logger;
  readonly readiness: Readiness;
  /** Aborts the wait: RT_ABORTED. */
  readonly signal: AbortSignal;
};

const OUTAGES = ['now', 'later', 'settle'] as const;
const SOON = { initialMs: 200, maxMs: 2_000 } as const;

/**
 * Runs work until it succeeds, however long a part is away; readiness says what is waited for, and that
 * it is there again.
 * @throws what `work` threw when its class is not to be retried; RuntimeError RT_ABORTED
 */
export async function untilAnswered<T>(
  part: string,
  work: () => Promise<T>,
  { log, readiness, signal, classes = OUTAGES, policy = SOON }: UntilAnsweredOptions,
): Promise<T> {
  const answer = await retry(work, {
    classes,
    policy,
    signal,
    onRetry: (error) => {
      readiness.set(part, false, error.message);
      log.warn({ error, part }, 'waiting_for_dependency');
    },
  });
  readiness.set(part, true);
  return answer;
}
