import { Worker } from 'node:worker_threads';
import type { SeedsReport, Stretch } from './seed-report.ts';

/** A world's garbage dies young: room for it saves a fifth of the time. */
const YOUNG_MB = 96;

/** A thread that runs worlds. */
export interface SeedThread extends AsyncDisposable {
  ask(stretch: Stretch): Promise<SeedsReport>;
}

/** `sourceBug`: a bug that is planted in the thread's own modules while they are loaded. */
export async function openSeedThread(sourceBug: string | null = null): Promise<SeedThread> {
  const worker = new Worker(new URL('./seed-thread.ts', import.meta.url), {
    workerData: { sourceBug },
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  let waiting = Promise.withResolvers<SeedsReport>();
  worker.on('message', (report: SeedsReport) => waiting.resolve(report));
  worker.on('error', (error) => waiting.reject(error));
  const answer = async () => {
    const report = await waiting.promise;
    waiting = Promise.withResolvers<SeedsReport>();
    return report;
  };
  const thread: SeedThread = {
    ask: async (stretch) => {
      worker.postMessage(stretch);
      return await answer();
    },
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
  try {
    await answer();
    return thread;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}
