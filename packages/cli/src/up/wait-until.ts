import { sleep } from '@tradestream/runtime';
import { CliFailure } from '../output/exit-code.ts';

const PAUSE_MS = 100;

/** Resolves with the first answer that is not null. @throws {CliFailure} when the time is over, with what `describe` says then */
export async function waitUntil<T>(
  look: () => Promise<T | null>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly describe: () => string },
): Promise<T> {
  const untilMs = performance.now() + options.timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > untilMs) throw new CliFailure(options.describe());
    await sleep(PAUSE_MS, options.signal);
  }
}
