import { openSession } from '@tradestream/client';
import { normaliseUuid } from '@tradestream/contracts';
import { Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure } from '../output/exit-code.ts';
import { wholeNumber } from './arguments.ts';

export function receiptCommand(context: CliContext): Command {
  return new Command('receipt')
    .description('what became of a command')
    .argument('<id>', 'command id', parseId)
    .option('--wait <ms>', 'wait for it', wholeNumber(0, 600_000), 0)
    .action(async (commandId: string, { wait }: { readonly wait: number }) => {
      const session = openSession(await context.gateway());
      const receipt = await session.receipt(commandId, { waitMs: wait, signal: context.signal });
      if (receipt === null) throw new CliFailure(`no receipt of command ${commandId}`);
      context.terminal.object(receipt);
    });
}

function parseId(text: string): string {
  const id = normaliseUuid(text);
  if (id === null) throw new InvalidArgumentError('It is no UUID.');
  return id;
}
