import { type LagGroup, lagAnswer } from '@tradestream/answers';
import { sleep } from '@tradestream/runtime';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import type { Column } from '../output/terminal.ts';
import { wholeNumber } from './arguments.ts';

type Options = { readonly summary: boolean; readonly watch?: number | true; readonly failOver?: number };

const WATCH_SECONDS = 2;
const LAG_MAX = 999_999_999_999;

const right = (title: string, field: string): Column => ({ title, field, align: 'right' });
const left = (title: string, field: string): Column => ({ title, field });
/** As `rpk group describe`, with what it has not: age and verdict. */
const PARTITION_COLUMNS = [
  left('TOPIC', 'topic'),
  right('PARTITION', 'partition'),
  right('CURRENT-OFFSET', 'committed'),
  right('LOG-START-OFFSET', 'start'),
  right('LOG-END-OFFSET', 'end'),
  right('LAG', 'lag'),
  right('LAG-SECONDS', 'lagSeconds'),
  left('VERDICT', 'state'),
  left('MEMBER-ID', 'memberId'),
  left('CLIENT-ID', 'clientId'),
  left('HOST', 'host'),
];
const GROUP_COLUMNS = [
  left('GROUP', 'group'),
  left('STATE', 'state'),
  left('PROTOCOL', 'protocol'),
  right('MEMBERS', 'members'),
  right('TOTAL-LAG', 'totalLag'),
  right('MAX-LAG-SECONDS', 'maxLagSeconds'),
  left('VERDICT', 'verdict'),
];

export function lagCommand(context: CliContext): Command {
  return new Command('lag')
    .description('how far consumers and database are behind the log')
    .argument('[groups...]', 'only these; `ledger` and `projection-<name>` are what the database holds')
    .option('-s, --summary', 'a line a group, no partitions', false)
    .option('--watch [seconds]', 'again and again', wholeNumber(1, 3_600))
    .option('--fail-over <records>', 'exit 3 when a group is farther behind', wholeNumber(0, LAG_MAX))
    .action(async (names: readonly string[], options: Options) => {
      for (;;) {
        const groups = await readGroups(context, names);
        print(context, groups, options.summary);
        failOver(groups, options.failOver);
        if (options.watch === undefined) return;
        await sleep((options.watch === true ? WATCH_SECONDS : options.watch) * 1_000, context.signal);
      }
    });
}

async function readGroups(context: CliContext, names: readonly string[]): Promise<readonly LagGroup[]> {
  const { groups, database } = await askMonitor(context, '/v1/lag', lagAnswer);
  const all = [...groups, ...database];
  const missing = names.filter((name) => !all.some(({ group }) => group === name));
  if (missing.length > 0) throw new CliFailure(`no group ${missing.join(', ')}`);
  return names.length === 0 ? all : all.filter(({ group }) => names.includes(group));
}

function print({ terminal }: CliContext, groups: readonly LagGroup[], isSummary: boolean): void {
  if (isSummary || terminal.format === 'json') return terminal.list(groups, GROUP_COLUMNS);
  for (const { partitions, ...group } of groups) {
    terminal.object({
      GROUP: group.group,
      STATE: group.state,
      PROTOCOL: group.protocol,
      MEMBERS: group.members,
      'TOTAL-LAG': group.totalLag,
      VERDICT: group.verdict,
    });
    terminal.list(partitions, PARTITION_COLUMNS);
  }
}

function failOver(groups: readonly LagGroup[], limit: number | undefined): void {
  if (limit === undefined) return;
  const behind = groups.filter(({ totalLag }) => totalLag !== null && totalLag > limit);
  if (behind.length === 0) return;
  const named = behind.map(({ group, totalLag }) => `${group} by ${totalLag}`).join(', ');
  throw new CliFailure(`more than ${limit} records behind: ${named}`, { exitCode: EXIT.unhealthy });
}
