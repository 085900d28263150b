import { auditAnswer, listAnswer } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { askMonitor, withQuery } from '../monitor-request.ts';
import { wholeNumber } from './arguments.ts';

type Options = {
  readonly action?: string;
  readonly actor?: string;
  readonly job?: string;
  readonly limit?: number;
  readonly cursor?: string;
};

const LIMIT_MAX = 1_000;

export function auditCommand(context: CliContext): Command {
  return new Command('audit')
    .description('what was done, by whom and why; the newest first')
    .option('--action <action>', 'only this, as `redrive` or `REDRIVE_PARKED`')
    .option('--actor <actor>', 'only by this one')
    .option('--job <id>', 'only of this job')
    .option('--limit <count>', 'rows of a page', wholeNumber(1, LIMIT_MAX))
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async ({ job, action, actor, limit, cursor }: Options) => {
      const path = withQuery('/v1/audit', { jobId: job, action, actor, limit, cursor });
      const page = await askMonitor(context, path, listAnswer(auditAnswer));
      context.terminal.list(page.items, [
        { title: 'AT', field: 'at' },
        { title: 'ACTOR', field: 'actor' },
        { title: 'ACTION', field: 'action' },
        { title: 'WHY', field: 'why' },
        { title: 'DETAILS', field: 'details' },
      ]);
      if (page.nextCursor !== null) context.terminal.note(`more with --cursor ${page.nextCursor}`);
    });
}
