import { holderPid } from '@tradestream/stack';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure } from '../output/exit-code.ts';
import { isAlive } from '../up/is-alive.ts';
import { lockFileOf } from '../up/lock-file.ts';
import { waitUntil } from '../up/wait-until.ts';

const DOWN_MS = 60_000;

export function downCommand(context: CliContext): Command {
  return new Command('down')
    .description('end what `up` started in this checkout, and wait until it is gone')
    .action(async () => {
      const { terminal, signal } = context;
      const lockFile = lockFileOf(context.stateFolder);
      const pid = holderPid(lockFile);
      if (pid === null || !isAlive(pid)) {
        terminal.note('nothing runs in this checkout');
        return;
      }
      process.kill(pid, 'SIGTERM');
      await waitUntil(async () => (isAlive(pid) && holderPid(lockFile) === pid ? null : true), {
        timeoutMs: DOWN_MS,
        signal,
        describe: () => `process ${pid} has not ended within ${DOWN_MS / 1_000} s`,
      }).catch((error: unknown) => {
        throw error instanceof CliFailure ? error : new CliFailure('interrupted', { cause: error });
      });
      terminal.note('everything is down');
    });
}
