import { Command, Option } from 'commander';
import type { CliContext } from './cli-context.ts';
import { alertsCommand } from './commands/alerts.ts';
import { auditCommand } from './commands/audit.ts';
import { configCommand } from './commands/config.ts';
import { deadLettersCommand } from './commands/deadletters.ts';
import { deadlocksCommand } from './commands/deadlocks.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { healthCommand } from './commands/health.ts';
import { indexesCommand } from './commands/indexes.ts';
import { jobsCommand } from './commands/jobs.ts';
import { lagCommand } from './commands/lag.ts';
import { optimizeCommand } from './commands/optimize.ts';
import { produceCommand } from './commands/produce.ts';
import { projectionsCommand } from './commands/projections.ts';
import { receiptCommand } from './commands/receipt.ts';
import { reconciliationCommand } from './commands/reconciliation.ts';
import { replayCommand } from './commands/replay.ts';
import { retentionCommand } from './commands/retention.ts';
import { sqlCommand } from './commands/sql.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { balancesCommand, candlesCommand, fillsCommand, ordersCommand, tradesCommand } from './commands/views.ts';
import { findGateway, findMonitor, stateFolder } from './connection.ts';
import { type OutputFormat, Terminal } from './output/terminal.ts';

/** The command line; its commands throw, they never end the process. */
export function buildProgram(signal: AbortSignal): Command {
  const program = new Command('tradestream')
    .description('Trade commands from Kafka to PostgreSQL, exactly once in effect')
    .addOption(outputOption())
    .showHelpAfterError('(--help shows what it takes)')
    .exitOverride();
  let terminal: Terminal | null = null;
  const context: CliContext = {
    get terminal() {
      terminal ??= new Terminal(formatOf(program));
      return terminal;
    },
    signal,
    stateFolder: stateFolder(),
    gateway: () => findGateway(process.env),
    monitor: () => findMonitor(process.env),
  };
  for (const make of COMMANDS) {
    const command = make(context);
    // `-o` may stand behind the command as well as before it.
    program.addCommand(inheriting(command.addOption(outputOption()), program));
    command.hook('preAction', (_program, action) => {
      const given = action.getOptionValue('output');
      if (given !== undefined && action.getOptionValueSource('output') !== 'default')
        program.setOptionValue('output', given);
    });
  }
  return program;
}

const COMMANDS: readonly ((context: CliContext) => Command)[] = [
  upCommand,
  downCommand,
  statusCommand,
  produceCommand,
  receiptCommand,
  tradesCommand,
  fillsCommand,
  ordersCommand,
  balancesCommand,
  candlesCommand,
  sqlCommand,
  optimizeCommand,
  indexesCommand,
  deadlocksCommand,
  lagCommand,
  healthCommand,
  alertsCommand,
  deadLettersCommand,
  projectionsCommand,
  replayCommand,
  retentionCommand,
  reconciliationCommand,
  jobsCommand,
  auditCommand,
  verifyCommand,
  doctorCommand,
  configCommand,
];

/** Commands are made before the program that they become part of: what it sets for all is handed down. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheriting(child, command);
  return command;
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'form of the data on standard output')
    .choices(['table', 'json'])
    .default('table');
}

function formatOf(program: Command): OutputFormat {
  return program.getOptionValue('output') === 'json' ? 'json' : 'table';
}
