import { jobAnswer, jobRecordAnswer, listAnswer } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure } from '../output/exit-code.ts';

type Doing = { readonly why: string; readonly wait: boolean; readonly views: boolean; readonly fromSnapshot: boolean };

export function reconciliationCommand(context: CliContext): Command {
  return new Command('reconciliation')
    .description('verify as a job of the monitor, whose result is kept and raises an alert')
    .addCommand(
      new Command('run')
        .description('hold ledger, log, topic and views against each other; exit 1 with the first contradiction')
        .option('--no-views', 'leave the projections out')
        .option('--from-snapshot', 'begin at the newest stored snapshot instead of the first event', false)
        .option('--why <text>', 'kept in the audit', 'asked for on the command line')
        .option('--no-wait', 'do not wait for the job')
        .action(async ({ wait, ...body }: Doing) => {
          const { jobId } = await askMonitor(context, '/v1/reconciliation/run', jobAnswer, body);
          if (jobId === null || !wait) return context.terminal.object({ jobId });
          show(context, jobId, (await followJob(context, jobId)).result);
        }),
    )
    .addCommand(
      new Command('status').description('what the last one found').action(async () => {
        const path = '/v1/jobs?kind=reconciliation&state=done&limit=1';
        const [last] = (await askMonitor(context, path, listAnswer(jobRecordAnswer))).items;
        if (last === undefined) return context.terminal.note('none has come to its end yet');
        show(context, last.id, { finishedAt: last.finishedAt, ...last.result });
      }),
    );
}

/** @throws {CliFailure} when there is a contradiction */
function show({ terminal }: CliContext, jobId: string, result: Readonly<Record<string, unknown>> | null): void {
  if (terminal.format === 'json') terminal.object({ jobId, ...result });
  else {
    const { contradictions: _all, notes: _notes, ...shown } = { contradictions: [], notes: [], ...result };
    terminal.object({ jobId, ...shown });
  }
  if (result?.['ok'] === true) return;
  throw new CliFailure(`the first contradiction: ${String(result?.['firstContradiction'])}`);
}
