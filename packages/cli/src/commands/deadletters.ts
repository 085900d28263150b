import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import {
  deadLetterAnswer,
  deadLetterDetailAnswer,
  deadLetterGroupAnswer,
  listAnswer,
  type ReleaseAnswer,
  releaseAnswer,
} from '@tradestream/answers';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor, withQuery } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import type { Column } from '../output/terminal.ts';
import { TIME, time, wholeNumber } from './arguments.ts';

type Filter = { readonly key?: string; readonly reason?: string; readonly from?: string; readonly to?: string };
type List = Filter & {
  readonly status: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly groupBy?: string;
};
type Doing = { readonly yes: boolean; readonly why?: string; readonly wait: boolean };
type Edit = Doing & { readonly command?: string; readonly file?: string };

const STATUSES = ['parked', 'applied', 'rejected', 'discarded'] as const;
const LIMIT_MAX = 1_000;
const left = (title: string, field: string): Column => ({ title, field });
const right = (title: string, field: string): Column => ({ title, field, align: 'right' });
const COLUMNS = [
  right('ID', 'id'),
  left('REASON', 'reason'),
  left('KEY', 'key'),
  right('PARTITION', 'partition'),
  right('OFFSET', 'offset'),
  left('PARKED-AT', 'parkedAt'),
  right('ATTEMPTS', 'attempts'),
  right('WAITING', 'waiting'),
  left('COMMAND-ID', 'commandId'),
  left('MESSAGE', 'message'),
];

export function deadLettersCommand(context: CliContext): Command {
  return new Command('deadletters')
    .description('parked records: what they are, and what is to become of them')
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(releaseCommand(context, 'redrive', 'try parked records again, each key in its order'))
    .addCommand(releaseCommand(context, 'discard', 'give parked records up for good'))
    .addCommand(editCommand(context));
}

function listCommand(context: CliContext): Command {
  return filtered(new Command('list').description('what is set aside, the longest first'))
    .addOption(new Option('--status <status>', 'parked, or what became of them').choices(STATUSES).default('parked'))
    .addOption(new Option('--group-by <field>', 'counts instead of records').choices(['reason']))
    .option('--limit <count>', 'records of a page', wholeNumber(1, LIMIT_MAX))
    .option('--cursor <cursor>', 'where the page before ended')
    .action(async ({ groupBy, status, ...rest }: List) => {
      const { terminal } = context;
      if (groupBy !== undefined) {
        const { key, reason, from, to } = rest;
        const path = withQuery('/v1/deadletters', { groupBy, key, reason, from, to });
        const { items } = await askMonitor(context, path, listAnswer(deadLetterGroupAnswer));
        const columns = [right('RECORDS', 'count'), right('KEYS', 'keys'), left('OLDEST', 'oldestParkedAt')];
        return terminal.list(items, [left('REASON', 'reason'), ...columns]);
      }
      const path = withQuery('/v1/deadletters', { status, ...rest });
      const { items, nextCursor } = await askMonitor(context, path, listAnswer(deadLetterAnswer));
      terminal.list(items, COLUMNS);
      if (nextCursor !== null) terminal.note(`more with --cursor ${nextCursor}`);
    });
}

function showCommand(context: CliContext): Command {
  return new Command('show')
    .description('one parked record, whole: what it says, and what was asked for it')
    .argument('<id>', 'its id', parseId)
    .action(async (id: string) => {
      context.terminal.object(await askMonitor(context, `/v1/deadletters/${id}`, deadLetterDetailAnswer));
    });
}

function releaseCommand(context: CliContext, verb: 'redrive' | 'discard', description: string): Command {
  return doing(filtered(new Command(verb).description(`${description}; without --yes only counted`)))
    .argument('[ids...]', 'ids of parked records, instead of or with a filter', collectId)
    .action(async (ids: readonly string[] | undefined, { yes, why, wait, ...filter }: Doing & Filter) => {
      if ((ids ?? []).length === 0 && Object.keys(filter).length === 0) {
        throw new CliFailure('name ids, --key, --reason, --from or --to', { exitCode: EXIT.usage });
      }
      const meant = { ...filter, ...((ids ?? []).length === 0 ? {} : { ids }) };
      const body = { ...meant, dryRun: !yes, why: why ?? WHY };
      await carryOut(context, await askMonitor(context, `/v1/deadletters/${verb}`, releaseAnswer, body), {
        verb,
        yes,
        wait,
      });
    });
}

function editCommand(context: CliContext): Command {
  return doing(
    new Command('edit').description('put another command in the place of a parked record; without --yes only checked'),
  )
    .argument('<id>', 'its id', parseId)
    .option('--command <json>', 'the command')
    .option('--file <file>', 'a file with it; - is standard input')
    .action(async (id: string, { yes, why, wait, command, file }: Edit) => {
      if ((command === undefined) === (file === undefined))
        throw new CliFailure('give either --command or --file', { exitCode: EXIT.usage });
      const given = parseCommand(command ?? (await readText(file ?? '-')));
      const body = { id, command: given, dryRun: !yes, why: why ?? WHY };
      await carryOut(context, await askMonitor(context, '/v1/deadletters/edit', releaseAnswer, body), {
        verb: 'edit',
        yes,
        wait,
      });
    });
}

const WHY = 'asked for on the command line';

/** Shows what is meant; then, where it is done, how far it is and what came of it. */
async function carryOut(
  context: CliContext,
  answer: ReleaseAnswer,
  { verb, yes, wait }: { readonly verb: string; readonly yes: boolean; readonly wait: boolean },
): Promise<void> {
  const { terminal } = context;
  const { jobId, count, alreadyAsked, keys, byReason, byKey } = answer;
  if (jobId === null || !wait) {
    if (terminal.format === 'json') terminal.object(answer);
    else {
      terminal.list(byReason, [left('REASON', 'reason'), right('RECORDS', 'count')]);
      terminal.list(byKey, [left('KEY', 'key'), right('RECORDS', 'count')]);
    }
    const asked = alreadyAsked === 0 ? '' : `, ${alreadyAsked} asked for already`;
    terminal.note(`${count} records of ${keys} keys${asked}${yes ? '' : '; nothing was done: --yes does it'}`);
    if (jobId !== null) terminal.note(`job ${jobId}`);
    return;
  }
  const { result } = await followJob(context, jobId);
  const { asked, applied, rejected, discarded, failedAgain, failures, ...rest } = result ?? {};
  terminal.object({ jobId, asked, ...rest, applied, rejected, discarded, failedAgain, failures });
  const failed = Number(failedAgain ?? 0);
  if (failed > 0) throw new CliFailure(`${failed} of them failed again`);
  if (verb === 'edit' && asked === 0)
    throw new CliFailure('the record was not edited: another verb was first; `tradestream deadletters show` names it');
}

function filtered(command: Command): Command {
  return command
    .option('--key <key>', 'of this key')
    .option('--reason <reason>', 'parked for this reason')
    .option('--from <time>', `parked at or after, ${TIME}`, time)
    .option('--to <time>', 'parked before', time);
}

function doing(command: Command): Command {
  return command
    .option('--yes', 'do it', false)
    .option('--why <text>', 'kept in the audit')
    .option('--no-wait', 'do not wait for the job');
}

function parseId(given: string): string {
  if (!/^[1-9]\d{0,17}$/.test(given)) throw new InvalidArgumentError('It is no id of a parked record.');
  return given;
}

function collectId(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), parseId(given)];
}

function parseCommand(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new CliFailure(`the command is no JSON: ${String(cause)}`, { exitCode: EXIT.usage, cause });
  }
}

async function readText(file: string): Promise<string> {
  if (file === '-') return await text(process.stdin);
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CliFailure(`cannot read ${file}: ${String(cause)}`, { cause });
  });
}
