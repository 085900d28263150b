import { Command, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure } from '../output/exit-code.ts';
import { Progress } from '../output/progress.ts';
import { INPUT_FORMATS, type InputFormat, phasesOf, produceFiles } from '../produce/produce-files.ts';
import { ProgressFile } from '../produce/progress-file.ts';

type Options = { readonly format: InputFormat; readonly wait: boolean; readonly resume: boolean };

export function produceCommand(context: CliContext): Command {
  return new Command('produce')
    .description(
      'publish the commands of files; each file is a phase that begins when all of the one before have a receipt',
    )
    .argument('<file...>', 'one command a line as JSON, or trades as CSV with --format binance-trades')
    .addOption(new Option('--format <format>', 'form of the files').choices(INPUT_FORMATS).default('ndjson'))
    .option('--wait', 'wait for the receipts of the last phase too', false)
    .option('--no-resume', 'begin at the first command, whatever an earlier run has done')
    .action(async (files: readonly string[], options: Options) => {
      const { terminal } = context;
      const phases = await phasesOf(files, options.format).catch((cause: unknown) => {
        throw new CliFailure(`cannot read the files: ${String(cause)}`, { cause });
      });
      const inputs = phases.map((phase) => `${phase.sha256} ${phase.name}`);
      const summary = await produceFiles(phases, {
        gateway: await context.gateway(),
        wait: options.wait,
        terminal,
        progress: new Progress(terminal),
        remember: options.resume ? await ProgressFile.open(context.stateFolder, inputs) : null,
        signal: context.signal,
      });
      const { outcomes, appliedTypes: _, ...counts } = summary;
      terminal.object({ ...counts, ...outcomes });
      const failed = summary.badLines + summary.refused + summary.conflicts + summary.failedBefore;
      if (failed > 0) throw new CliFailure(`${failed} of the lines were not accepted`);
    });
}
