import { type JobRecordAnswer, jobRecordAnswer } from '@tradestream/answers';
import { sleep } from '@tradestream/runtime';
import type { CliContext } from './cli-context.ts';
import { askMonitor } from './monitor-request.ts';
import { CliFailure } from './output/exit-code.ts';
import { Progress } from './output/progress.ts';

const POLL_MS = 300;
/** So long a monitor may be away, as one that is started again, while its job is followed. */
const AWAY_MS_MAX = 60_000;

/**
 * Shows how far a job is until it has ended; an interruption leaves it running.
 * @throws {CliFailure} when it failed or was cancelled
 */
export async function followJob(context: CliContext, jobId: string): Promise<JobRecordAnswer> {
  const { terminal, signal } = context;
  const progress = new Progress(terminal);
  let shown: number | null = null;
  try {
    for (;;) {
      const job = await readJob(context, jobId);
      if (shown === null) progress.start(job.kind, job.total ?? 0);
      progress.add(job.done - (shown ?? 0));
      shown = job.done;
      if (job.state === 'done') return job;
      if (job.finishedAt !== null)
        throw new CliFailure(`job ${jobId} ${job.state}${job.error === null ? '' : `: ${job.error}`}`);
      await sleep(POLL_MS, signal);
    }
  } catch (error) {
    if (signal.aborted) terminal.note(`job ${jobId} goes on; \`tradestream jobs cancel ${jobId}\` stops it`);
    throw error;
  } finally {
    progress.stop();
  }
}

async function readJob(context: CliContext, jobId: string): Promise<JobRecordAnswer> {
  const untilMs = performance.now() + AWAY_MS_MAX;
  for (;;) {
    try {
      return await askMonitor(context, `/v1/jobs/${jobId}`, jobRecordAnswer);
    } catch (error) {
      const isAway = error instanceof CliFailure && error.cause !== undefined;
      if (!isAway || context.signal.aborted || performance.now() > untilMs) throw error;
      await sleep(POLL_MS, context.signal);
    }
  }
}
