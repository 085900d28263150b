import { jobRecordAnswer, listAnswer } from '@tradestream/answers';
import { normaliseUuid } from '@tradestream/contracts';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor, withQuery } from '../monitor-request.ts';
import { wholeNumber } from './arguments.ts';

type List = { readonly kind?: string; readonly state?: string; readonly limit?: number; readonly cursor?: string };

const LIMIT_MAX = 1_000;

export function jobsCommand(context: CliContext): Command {
  const command = new Command('jobs').description('long work: redrives, replays, rebuilds and the like');
  return command
    .addCommand(listCommand(context))
    .addCommand(
      new Command('show')
        .description('one job, whole')
        .argument('<id>', 'its id', parseId)
        .option('--follow', 'until it has ended', false)
        .action(async (id: string, { follow }: { readonly follow: boolean }) => {
          const job = follow
            ? await followJob(context, id)
            : await askMonitor(context, `/v1/jobs/${id}`, jobRecordAnswer);
          context.terminal.object(job);
        }),
    )
    .addCommand(moveCommand(context, 'cancel', 'stop a job; what it has done stays done'))
    .addCommand(moveCommand(context, 'resume', 'take a failed or cancelled job up again, where it was'));
}

function listCommand(context: CliContext): Command {
  return new Command('list')
    .description('the newest first')
    .option('--kind <kind>', 'of this kind')
    .addOption(new Option('--state <state>').choices(['waiting', 'running', 'done', 'failed', 'cancelled']))
    .option('--limit <count>', 'jobs of a page', wholeNumber(1, LIMIT_MAX))
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (query: List) => {
      const page = await askMonitor(context, withQuery('/v1/jobs', query), listAnswer(jobRecordAnswer));
      context.terminal.list(page.items, [
        { title: 'ID', field: 'id' },
        { title: 'KIND', field: 'kind' },
        { title: 'STATE', field: 'state' },
        { title: 'DONE', field: 'done', align: 'right' },
        { title: 'TOTAL', field: 'total', align: 'right' },
        { title: 'ACTOR', field: 'actor' },
        { title: 'CREATED-AT', field: 'createdAt' },
        { title: 'FINISHED-AT', field: 'finishedAt' },
        { title: 'WHY', field: 'why' },
        { title: 'ERROR', field: 'error' },
      ]);
      if (page.nextCursor !== null) context.terminal.note(`more with --cursor ${page.nextCursor}`);
    });
}

function moveCommand(context: CliContext, verb: 'cancel' | 'resume', description: string): Command {
  return new Command(verb)
    .description(description)
    .argument('<id>', 'its id', parseId)
    .option('--why <text>', 'kept in the audit', 'asked for on the command line')
    .action(async (id: string, { why }: { readonly why: string }) => {
      const job = await askMonitor(context, `/v1/jobs/${id}/${verb}`, jobRecordAnswer, { why });
      context.terminal.object(job);
    });
}

function parseId(text: string): string {
  const id = normaliseUuid(text);
  if (id === null) throw new InvalidArgumentError('It is no UUID.');
  return id;
}
