import { differenceAnswer, jobAnswer, listAnswer } from '@tradestream/answers';
import { Command, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor, withQuery } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { TIME, time, wholeNumber } from './arguments.ts';
import { replayProjectionCommand } from './projections.ts';

type Origin = {
  readonly fromOffset?: number;
  readonly fromTime?: string;
  readonly fromCommand?: string;
  readonly fromBatch?: number;
  readonly partition?: readonly number[];
};
type Doing = { readonly yes: boolean; readonly why: string; readonly wait: boolean };

const NUMBER_MAX = 999_999_999_999;
const PARTITION_MAX = 1_000_000;
const LIMIT_MAX = 1_000;

export function replayCommand(context: CliContext): Command {
  return new Command('replay')
    .description('read history again')
    .addCommand(commandsCommand(context))
    .addCommand(replayProjectionCommand(context))
    .addCommand(differencesCommand(context));
}

function commandsCommand(context: CliContext): Command {
  return new Command('commands')
    .description(
      'without --yes a dry run: decide the history again by the rules of the monitor, and say what would differ; ' +
        'with --yes have the owners read the records again, which changes nothing that has its outcome',
    )
    .option('--from-offset <offset>', 'of each partition', wholeNumber(0, NUMBER_MAX))
    .option('--from-time <time>', `records at or after it, ${TIME}`, time)
    .option('--from-command <id>', 'the record of this command')
    .option('--from-batch <number>', 'dry run only: 0 is the beginning', wholeNumber(0, NUMBER_MAX))
    .option('--partition <number>', 'only this one; again for more', collectPartition)
    .option('--yes', 'read the records again', false)
    .option('--why <text>', 'kept in the audit', 'asked for on the command line')
    .option('--no-wait', 'do not wait for the job')
    .action(async ({ yes, why, wait, ...origin }: Doing & Origin) => {
      const { terminal } = context;
      const body = { ...bodyOf(origin), dryRun: !yes, why };
      const { jobId, count } = await askMonitor(context, '/v1/replay/commands', jobAnswer, body);
      if (jobId === null) return terminal.object({ jobId, records: count });
      if (!wait) return terminal.object({ jobId });
      const { result } = await followJob(context, jobId);
      terminal.object({ jobId, ...result });
      if (!yes)
        terminal.note(`nothing was changed; \`tradestream replay differences ${jobId}\` lists what would be different`);
    });
}

function differencesCommand(context: CliContext): Command {
  return new Command('differences')
    .description('what a dry run found to differ')
    .argument('<id>', 'the id of its job')
    .addOption(new Option('--kind <kind>').choices(['balance', 'order', 'event']).default('balance'))
    .option('--limit <count>', 'lines of a page', wholeNumber(1, LIMIT_MAX))
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async (id: string, query: { readonly kind: string; readonly limit?: number; readonly cursor?: string }) => {
      const path = withQuery(`/v1/replay/commands/${encodeURIComponent(id)}/differences`, query);
      const { items, nextCursor } = await askMonitor(context, path, listAnswer(differenceAnswer));
      context.terminal.list(
        items.map(({ key, told, again }) => ({ key, told: JSON.stringify(told), again: JSON.stringify(again) })),
        [
          { title: 'KEY', field: 'key' },
          { title: 'IS', field: 'told' },
          { title: 'WOULD-BE', field: 'again' },
        ],
      );
      if (nextCursor !== null) context.terminal.note(`more with --cursor '${nextCursor}'`);
    });
}

function bodyOf({ fromOffset, fromTime, fromCommand, fromBatch, partition }: Origin) {
  const named = [fromOffset, fromTime, fromCommand, fromBatch].filter((each) => each !== undefined);
  if (named.length !== 1) {
    const names = '--from-offset, --from-time, --from-command or --from-batch';
    throw new CliFailure(`name one of ${names}`, { exitCode: EXIT.usage });
  }
  return { fromOffset, fromTime, fromCommandId: fromCommand, fromBatch, partitions: partition };
}

function collectPartition(text: string, before: readonly number[] | undefined): readonly number[] {
  return [...(before ?? []), wholeNumber(0, PARTITION_MAX)(text)];
}
