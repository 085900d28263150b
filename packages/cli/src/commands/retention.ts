import { jobAnswer, retentionAnswer } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { followJob } from '../follow-job.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import type { Column } from '../output/terminal.ts';
import { TIME, time } from './arguments.ts';

type Doing = { readonly why: string; readonly wait: boolean };
type Forget = Doing & {
  readonly before?: string;
  readonly commandId?: readonly string[];
  readonly yesIAcceptThatOldCommandsCanBeAppliedAgain: boolean;
};

const RISK = 'old commands can be applied again';
const right = (title: string, field: string): Column => ({ title, field, align: 'right' });

export function retentionCommand(context: CliContext): Command {
  return new Command('retention')
    .description('what is put away of the ledger, so that it is known and not in the way')
    .addCommand(statusCommand(context))
    .addCommand(
      doing(
        new Command('run').description(
          'move receipts of records that the log has lost into the archive, and remove events that are old enough',
        ),
      ).action(async (given: Doing) => await carryOut(context, '/v1/retention/run', {}, given)),
    )
    .addCommand(
      doing(new Command('snapshot').description('store every balance and order of this moment')).action(
        async (given: Doing) => await carryOut(context, '/v1/snapshots', {}, given),
      ),
    )
    .addCommand(forgetCommand(context));
}

function statusCommand(context: CliContext): Command {
  return new Command('status').description('how far the archive is, and which snapshots there are').action(async () => {
    const { terminal } = context;
    const status = await askMonitor(context, '/v1/retention', retentionAnswer);
    if (terminal.format === 'json') return terminal.object(status);
    const { partitions, snapshots, receipts, archivedReceipts, removalBlockedBy } = status;
    terminal.list(partitions, [
      right('PARTITION', 'partition'),
      right('NEXT-OFFSET', 'nextOffset'),
      right('EVENTS', 'eventSeq'),
      right('ARCHIVED-UP-TO', 'archivedSeq'),
      right('REMOVED-UP-TO', 'removedSeq'),
      { title: 'FORGOTTEN-BEFORE', field: 'forgottenBefore' },
    ]);
    terminal.list(snapshots, [
      right('SNAPSHOT', 'id'),
      right('BATCH', 'batch'),
      right('BALANCES', 'balances'),
      right('ORDERS', 'orders'),
      { title: 'TAKEN-AT', field: 'takenAt' },
      { title: 'RETENTION', field: 'forRetention' },
      { title: 'BASE', field: 'isBase' },
    ]);
    if (removalBlockedBy !== null) terminal.note(`no event leaves yet: ${removalBlockedBy}`);
    terminal.note(`about ${receipts} receipts, and ${archivedReceipts} in the archive`);
  });
}

function forgetCommand(context: CliContext): Command {
  const command = new Command('forget').description(
    'forget archived receipts for good: a command of then that is published again is applied again',
  );
  return doing(command)
    .option('--before <time>', `of commands whose records are older, ${TIME}`, time)
    .option('--command-id <uuid>', 'of this command; again for more', collectId)
    .option('--yes-i-accept-that-old-commands-can-be-applied-again', 'without it nothing is done', false)
    .action(async ({ before, commandId, yesIAcceptThatOldCommandsCanBeAppliedAgain: accepted, ...given }: Forget) => {
      if ((before === undefined) === (commandId === undefined))
        throw new CliFailure('give --before or --command-id', { exitCode: EXIT.usage });
      const which = before === undefined ? 'one of these commands' : `a command from before ${before}`;
      if (!accepted) {
        const risk = `${which} that is published again will be applied again`;
        const how = 'if that is meant, add --yes-i-accept-that-old-commands-can-be-applied-again';
        throw new CliFailure(`${risk}; ${how}`, { exitCode: EXIT.usage });
      }
      await carryOut(context, '/v1/retention/forget', { before, commandIds: commandId, accept: RISK }, given);
    });
}

function collectId(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), given];
}

function doing(command: Command): Command {
  return command
    .option('--why <text>', 'kept in the audit', 'asked for on the command line')
    .option('--no-wait', 'do not wait for the job');
}

async function carryOut(context: CliContext, path: string, body: object, { why, wait }: Doing): Promise<void> {
  const { jobId } = await askMonitor(context, path, jobAnswer, { ...body, why });
  if (jobId === null || !wait) return context.terminal.object({ jobId });
  const { result } = await followJob(context, jobId);
  context.terminal.object({ jobId, ...result });
}
