import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * The first answer of `check` that is neither thrown nor false, asked again and again.
 * @throws what the last check threw, or an error naming the time, when none came within it
 */
export async function eventually<T>(
  check: () => Promise<T> | T,
  options: { readonly withinMs: number; readonly everyMs?: number },
): Promise<T> {
  const deadline = performance.now() + options.withinMs;
  for (;;) {
    let failure: unknown;
    try {
      const answer = await check();
      if (answer !== false) return answer;
      failure = new Error(`still false after ${options.withinMs} ms`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await delay(options.everyMs ?? POLL_MS);
  }
}
