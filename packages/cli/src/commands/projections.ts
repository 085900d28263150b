import { jobAnswer, listAnswer, projectionAnswer, projectionVerdict } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure } from '../output/exit-code.ts';

type Doing = { readonly why: string; readonly wait: boolean };
type Job = { readonly jobId: string; readonly [field: string]: unknown };

export function projectionsCommand(context: CliContext): Command {
  return new Command('projections')
    .description('the read models: which version is read, whether it is what the events make it, and to make it anew')
    .addCommand(listCommand(context))
    .addCommand(verifyCommand(context))
    .addCommand(rebuildCommand(context))
    .addCommand(verbCommand(context, 'rollback', 'let the version that was replaced catch up, and read it again'))
    .addCommand(verbCommand(context, 'drop-kept', 'drop the version that was replaced'));
}

/** `replay projection NAME`: what folding its events again would change; with --yes that is done. */
export function replayProjectionCommand(context: CliContext): Command {
  return doing(new Command('projection').argument('<name>', 'a projection'))
    .description(
      'fold the events of a projection again: without --yes say what would differ, with --yes make it anew beside the live one and swap',
    )
    .option('--yes', 'do it', false)
    .action(async (name: string, { yes, ...options }: Doing & { readonly yes: boolean }) => {
      const job = await carryOut(context, pathOf(name, 'replay'), { ...options, dryRun: !yes });
      if (job === null) return;
      if (yes) return context.terminal.object(job);
      showVerdict(context, name, job);
    });
}

function listCommand(context: CliContext): Command {
  return new Command('list').description('versions, lag, and what is being done').action(async () => {
    const { items } = await askMonitor(context, '/v1/projections', listAnswer(projectionAnswer));
    const rows = items.map(({ request, ...row }) => ({ ...row, request: request === null ? null : workOf(request) }));
    context.terminal.list(context.terminal.format === 'json' ? items : rows, [
      { title: 'PROJECTION', field: 'projection' },
      { title: 'LIVE', field: 'liveVersion', align: 'right' },
      { title: 'NEXT', field: 'nextVersion', align: 'right' },
      { title: 'KEPT', field: 'keptVersion', align: 'right' },
      { title: 'LAG-EVENTS', field: 'lagEvents', align: 'right' },
      { title: 'SWAPPED-AT', field: 'swappedAt' },
      { title: 'WORK', field: 'request' },
    ]);
  });
}

function verifyCommand(context: CliContext): Command {
  return doing(new Command('verify').argument('<name>', 'a projection'))
    .description('compare every row with the fold of the events; exit 1 with the keys that differ')
    .action(async (name: string, options: Doing) => {
      const job = await carryOut(context, pathOf(name, 'verify'), options);
      if (job !== null) showVerdict(context, name, job);
    });
}

function rebuildCommand(context: CliContext): Command {
  return doing(new Command('rebuild').argument('<name>', 'a projection'))
    .description('make a projection anew from the events beside the live one, compare both, and swap them')
    .option('--key <key>', 'only the rows of this key, in place; as verify names it')
    .option('--dry-run', 'say what would differ', false)
    .action(
      async (name: string, { dryRun, ...options }: Doing & { readonly dryRun: boolean; readonly key?: string }) => {
        const job = await carryOut(context, pathOf(name, 'rebuild'), { ...options, dryRun });
        if (job === null) return;
        if (dryRun) showVerdict(context, name, job);
        else context.terminal.object(job);
      },
    );
}

function verbCommand(context: CliContext, verb: 'rollback' | 'drop-kept', description: string): Command {
  return doing(new Command(verb).argument('<name>', 'a projection'))
    .description(description)
    .action(async (name: string, options: Doing) => {
      const job = await carryOut(context, pathOf(name, verb), options);
      if (job !== null) context.terminal.object(job);
    });
}

function doing(command: Command): Command {
  return command
    .option('--why <text>', 'kept in the audit', 'asked for on the command line')
    .option('--no-wait', 'do not wait for the job');
}

/** The job's result; null when it is not waited for. */
async function carryOut(
  context: CliContext,
  path: string,
  { wait, ...body }: Doing & { readonly key?: string; readonly dryRun?: boolean },
): Promise<Job | null> {
  const { jobId } = await askMonitor(context, path, jobAnswer, body);
  if (jobId === null) return null;
  if (wait) return { jobId, ...(await followJob(context, jobId)).result };
  context.terminal.object({ jobId });
  return null;
}

/** The rows that differ. @throws {CliFailure} when there is one */
function showVerdict({ terminal }: CliContext, name: string, job: Job): void {
  const { rows, count, differences, events } = projectionVerdict.parse(job);
  if (terminal.format === 'json') terminal.object(job);
  else {
    terminal.list(
      differences.map((each) => ({ ...each, columns: each.columns.join(' ') })),
      [
        { title: 'KEY', field: 'key' },
        { title: 'IS', field: 'kind' },
        { title: 'COLUMNS', field: 'columns' },
      ],
    );
  }
  terminal.note(`${rows} rows of ${name} against ${events} events: ${count} differ`);
  if (count > 0) throw new CliFailure(`${count} rows of ${name} are not what the events make them`);
}

function workOf({ kind, phase, state, done, total }: NonNullable<ListedRequest>): string {
  return `${kind} ${phase ?? state}${total === null ? '' : ` ${done}/${total}`}`;
}

type ListedRequest = ReturnType<typeof projectionAnswer.parse>['request'];

function pathOf(name: string, verb: string): string {
  return `/v1/projections/${encodeURIComponent(name)}/${verb}`;
}
