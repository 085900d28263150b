import { alertAnswer, listAnswer } from '@tradestream/answers';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { askMonitor } from '../monitor-request.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';

export function alertsCommand(context: CliContext): Command {
  return new Command('alerts')
    .description('what fires, and with --all what was resolved; exit 3 when something fires')
    .option('--all', 'also what was resolved', false)
    .action(async ({ all }: { readonly all: boolean }) => {
      const { items } = await askMonitor(context, '/v1/alerts', listAnswer(alertAnswer));
      const firing = items.filter(({ state }) => state === 'firing');
      context.terminal.list(all ? items : firing, [
        { title: 'STATE', field: 'state' },
        { title: 'SEVERITY', field: 'severity' },
        { title: 'ALERT', field: 'name' },
        { title: 'SUMMARY', field: 'summary' },
        { title: 'SINCE', field: 'startsAt' },
        { title: 'UNTIL', field: 'endsAt' },
        { title: 'RUNBOOK', field: 'runbook' },
      ]);
      if (firing.length > 0) throw new CliFailure(`${firing.length} alerts fire`, { exitCode: EXIT.unhealthy });
    });
}
