import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { examineDatabase } from '../doctor/examine-database.ts';
import { findEndpoints } from '../find-endpoints.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';

export function doctorCommand(context: CliContext): Command {
  return new Command('doctor')
    .description('what is wrong with the parts and their settings, and how to mend it')
    .action(async () => {
      const findings = await examineDatabase(findEndpoints(process.env).databaseUrl);
      context.terminal.list(findings, [
        { title: 'CHECK', field: 'check' },
        { title: 'STATUS', field: 'status' },
        { title: 'FOUND', field: 'found' },
        { title: 'MEND', field: 'mend' },
      ]);
      const failed = findings.filter(({ status }) => status === 'FAIL');
      if (failed.length > 0)
        throw new CliFailure(`not well: ${failed.map(({ check }) => check).join(', ')}`, { exitCode: EXIT.unhealthy });
    });
}
