import { healthAnswer } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';

export function healthCommand(context: CliContext): Command {
  return new Command('health')
    .description('whether the installation is well; exit 3 when it is not')
    .action(async () => {
      const { status, checks } = await askMonitor(context, '/v1/health', healthAnswer);
      const rows = checks.map(({ name, ok, detail }) => ({ name, state: ok ? 'ok' : 'NOT OK', ok, detail }));
      context.terminal.list(rows, [
        { title: 'CHECK', field: 'name' },
        { title: 'STATE', field: 'state' },
        { title: 'DETAIL', field: 'detail' },
      ]);
      if (status !== 'ok') throw new CliFailure(`the installation is ${status}`, { exitCode: EXIT.unhealthy });
    });
}
