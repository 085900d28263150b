import { QueryOptimizer } from '@tradestream/database';
import { Command, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { openDatabase } from '../open-database.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { wholeNumber } from './arguments.ts';

type Options = {
  readonly preference: 'primary' | 'secondary' | 'nearest';
  readonly token?: string;
  readonly timeoutMs: number;
};

const LENGTH_MAX = 1_000_000;
const TIMEOUT_MS = 30_000;

export function sqlCommand(context: CliContext): Command {
  return new Command('sql')
    .description('reads with SQL, at a node that is fit for it; `?` stands for each parameter')
    .argument('<statement>', `as 'SELECT * FROM views.trades WHERE symbol = ?'`)
    .argument('[parameters...]')
    .addOption(
      new Option('--preference <node>', 'which node may answer')
        .choices(['primary', 'secondary', 'nearest'])
        .default('secondary'),
    )
    .option('--token <token>', 'the answer is at least as new as this consistency token')
    .option('--timeout-ms <ms>', 'longest wait', wholeNumber(1, 3_600_000), TIMEOUT_MS)
    .action(async (statement: string, parameters: readonly string[], options: Options) => {
      refuseWrites(statement);
      // The server is told as well: a function may do what the text does not show.
      await using db = openDatabase(process.env, { readOnly: true, timeoutMs: options.timeoutMs });
      const { rows, servedBy } = await db.query(statement, parameters, {
        readPreference: options.preference,
        timeoutMs: options.timeoutMs,
        ...(options.token === undefined ? {} : { token: options.token }),
      });
      const [first = {}] = rows;
      const columns = Object.keys(first).map((field) => ({ title: field, field }));
      if (rows.length > 0 || context.terminal.format === 'json') context.terminal.list(rows, columns);
      context.terminal.note(`${rows.length} row${rows.length === 1 ? '' : 's'}, served by ${servedBy}`);
    });
}

function refuseWrites(statement: string): void {
  const { statement: kind } = new QueryOptimizer({ maxQueryLength: LENGTH_MAX }).analyze(statement);
  if (kind === 'select' || /^\s*(?:explain|show)\b/i.test(statement)) return;
  throw new CliFailure('sql reads only: give one SELECT, EXPLAIN or SHOW', { exitCode: EXIT.usage });
}
