import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { examine } from '../doctor/examine.ts';
import { findEndpoints } from '../find-endpoints.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { projectRoot } from '../project-root.ts';

export function doctorCommand(context: CliContext): Command {
  return new Command('doctor')
    .description('what is wrong with the parts and their settings, and how to mend it')
    .action(async () => {
      const findings = await examine(findEndpoints(process.env), {
        topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
        groupPrefix: process.env['TRADESTREAM_GROUP_PREFIX'] ?? '',
        root: projectRoot(),
      });
      context.terminal.list(findings, [
        { title: 'PART', field: 'part' },
        { title: 'CHECK', field: 'check' },
        { title: 'STATUS', field: 'status' },
        { title: 'FOUND', field: 'found' },
        { title: 'MEND', field: 'mend' },
      ]);
      const failed = findings.filter(({ status }) => status === 'FAIL');
      if (failed.length === 0) return;
      const names = failed.map(({ part, check }) => `${part} ${check}`);
      throw new CliFailure(`not well: ${[...new Set(names)].join(', ')}`, { exitCode: EXIT.unhealthy });
    });
}
