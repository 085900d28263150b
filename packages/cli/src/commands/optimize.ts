import { QueryOptimizer } from '@tradestream/database';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { openDatabase } from '../open-database.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { wholeNumber } from './arguments.ts';

type Options = { readonly offline: boolean; readonly repeated: boolean; readonly largeTableRows: number };

const LARGE_TABLE_ROWS = 10_000;
const LENGTH_MAX = 1_000_000;
const ROWS_MAX = 1_000_000_000;

export function optimizeCommand(context: CliContext): Command {
  return new Command('optimize')
    .description('what is wrong with a statement, by parser and planner, and what to do; nothing is run')
    .argument('[statement]', 'with `?` or $1 for its values')
    .option('--offline', 'by the parser alone: no database is asked', false)
    .option('--repeated', 'lookups that ran once for each row of another statement, from the history', false)
    .option('--large-table-rows <rows>', 'smaller tables may be scanned', wholeNumber(0, ROWS_MAX), LARGE_TABLE_ROWS)
    .action(async (statement: string | undefined, options: Options) => {
      if (options.repeated) return await showRepeated(context);
      if (statement === undefined) throw new CliFailure('a statement is missing', { exitCode: EXIT.usage });
      await showStatement(context, statement, options);
    });
}

async function showStatement(context: CliContext, statement: string, options: Options): Promise<void> {
  const { terminal } = context;
  const { largeTableRows } = options;
  await using db = options.offline ? null : openDatabase(process.env, { readOnly: true });
  const settings = { maxQueryLength: LENGTH_MAX, largeTableRows, ...(db === null ? {} : { database: db }) };
  const optimizer = new QueryOptimizer(settings);
  const analysis = db === null ? optimizer.analyze(statement) : await optimizer.explain(statement);
  const { suggestions, indexes, rewritten } = optimizer.suggest(analysis);
  if (terminal.format === 'json') return terminal.object({ ...analysis, suggestions, rewritten });
  const { complexity, plan } = analysis;
  if (suggestions.length > 0) {
    terminal.list(suggestions, [
      { title: 'RULE', field: 'rule' },
      { title: 'FINDING', field: 'finding' },
      { title: 'ADVICE', field: 'advice' },
    ]);
  }
  if (indexes.length > 0) {
    const rows = indexes.map((index) => ({ ...index, gain: `${Math.round(index.gain * 100)} %` }));
    terminal.list(rows, [
      { title: 'INDEX', field: 'sql' },
      { title: 'COST', field: 'costBefore', align: 'right' },
      { title: 'WITH IT', field: 'costAfter', align: 'right' },
      { title: 'SAVES', field: 'gain', align: 'right' },
      { title: 'BY', field: 'basis' },
    ]);
  }
  if (rewritten !== null) terminal.list([{ sql: rewritten }], [{ title: 'THE SAME, BETTER', field: 'sql' }]);
  terminal.note(
    `complexity ${complexity.score} (${complexity.level})${plan === null ? '' : `, cost ${plan.totalCost}`}`,
  );
  for (const { node, table, share } of plan?.costlyNodes ?? []) {
    terminal.note(`  ${Math.round(share * 100)} % ${node}${table === null ? '' : ` of ${table}`}`);
  }
  if (suggestions.length === 0) terminal.note('nothing to be said against it');
}

async function showRepeated(context: CliContext): Promise<void> {
  await using db = openDatabase(process.env, { readOnly: true });
  context.terminal.list(await new QueryOptimizer({ database: db }).findRepeated(), [
    { title: 'CALLS', field: 'calls', align: 'right' },
    { title: 'LOOKUP', field: 'query' },
    { title: 'FOR THE ROWS OF', field: 'parents' },
    { title: 'ADVICE', field: 'advice' },
  ]);
}
