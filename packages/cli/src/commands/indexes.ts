import { readFile } from 'node:fs/promises';
import {
  type IndexAnalysis,
  IndexManager,
  type IndexManagerConfig,
  type IndexStrategy,
  type StrategyStep,
} from '@tradestream/database';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { openDatabase } from '../open-database.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { wholeNumber } from './arguments.ts';

type Analyze = { readonly since?: string; readonly all: boolean; readonly unusedAfterHours: number };
type Create = { readonly unique: boolean; readonly name?: string };
type Apply = { readonly yes: boolean; readonly drop: boolean };

const HOUR_MS = 3_600_000;
const UNUSED_HOURS = 168;
const HOURS_MAX = 590;
const left = (title: string, field: string) => ({ title, field });

export function indexesCommand(context: CliContext): Command {
  return new Command('indexes')
    .description('indexes: what they are for, and how to have the right ones')
    .addCommand(analyzeCommand(context))
    .addCommand(createCommand(context))
    .addCommand(dropCommand(context))
    .addCommand(applyCommand(context));
}

function analyzeCommand(context: CliContext): Command {
  return new Command('analyze')
    .description('what each index is for, over the primary and all replicas; changes nothing')
    .option('--all', 'every index, not only what there is to do', false)
    .option('--since <file>', 'an earlier analysis (`-o json`): only what was used after it counts')
    .option(
      '--unused-after-hours <hours>',
      'without a scan for so long an index is called unused',
      wholeNumber(0, HOURS_MAX),
      UNUSED_HOURS,
    )
    .action(async ({ since, all, unusedAfterHours }: Analyze) => {
      const earlier = since === undefined ? undefined : await readAnalysis(since);
      const analysis = await withIndexes({ unusedAfter: unusedAfterHours * HOUR_MS }, (indexes) =>
        indexes.analyzeIndexUsage(earlier === undefined ? {} : { since: earlier }),
      );
      show(context, analysis, all);
    });
}

function show({ terminal }: CliContext, analysis: IndexAnalysis, all: boolean): void {
  if (terminal.format === 'json') return terminal.object(analysis);
  if (all) {
    terminal.list(analysis.indexes, [
      left('TABLE', 'table'),
      left('INDEX', 'name'),
      left('VERDICT', 'verdict'),
      left('REASON', 'reason'),
      { title: 'BYTES', field: 'bytes', align: 'right' },
      { title: 'TABLE-WRITES', field: 'tableWrites', align: 'right' },
    ]);
  }
  if (analysis.advice.length > 0) {
    terminal.list(analysis.advice, [
      left('ACTION', 'action'),
      left('TABLE', 'table'),
      left('REASON', 'reason'),
      left('SQL', 'sql'),
    ]);
  }
  const unseen = analysis.nodes.filter(({ since }) => since === null).map(({ node }) => node);
  if (unseen.length > 0) terminal.note(`not seen: ${unseen.join(', ')}; what they use is not known`);
  terminal.note(
    `${analysis.indexes.length} indexes, observed for ${Math.floor(analysis.observedMs / HOUR_MS)} h, ${analysis.advice.length} to do`,
  );
}

function createCommand(context: CliContext): Command {
  return new Command('create')
    .description('builds an index beside the traffic, unless there is one like it')
    .argument('<table>')
    .argument('<columns...>', 'as symbol "timestamp DESC"')
    .option('--unique', 'keeps the columns unique', false)
    .option('--name <name>', 'instead of one made of table and columns')
    .action(async (table: string, columns: readonly string[], { unique, name }: Create) => {
      const shown = { phase: '' };
      const onProgress: IndexManagerConfig['onProgress'] = ({ phase, blocksDone, blocksTotal }) => {
        if (phase === shown.phase) return;
        shown.phase = phase;
        context.terminal.note(`${phase} (${blocksDone}/${blocksTotal} blocks)`);
      };
      await withIndexes({ onProgress }, (indexes) =>
        indexes.createIndex(table, columns, { unique, ...(name === undefined ? {} : { name }) }),
      );
      context.terminal.note('the index is there');
    });
}

function dropCommand(context: CliContext): Command {
  return new Command('drop')
    .description('drops an index beside the traffic; not one that enforces something')
    .argument('<table>')
    .argument('<index>')
    .option('--force', 'also one that keeps columns unique or backs a constraint, which goes with it', false)
    .action(async (table: string, index: string, { force }: { readonly force: boolean }) => {
      await withIndexes({}, (indexes) => indexes.dropIndex(table, index, { force }));
      context.terminal.note(`${index} is dropped`);
    });
}

function applyCommand(context: CliContext): Command {
  return new Command('apply')
    .description('the difference between an index strategy and what is there; with --yes makes it so')
    .argument('<file>', 'JSON: {"trades": [{"columns": ["symbol", "timestamp"], "unique": false}]}')
    .option('--yes', 'does it', false)
    .option('--drop', 'also drops what the strategy does not name, but for what enforces something', false)
    .action(async (file: string, { yes, drop }: Apply) => {
      const strategy = readStrategy(await readJson(file), file);
      const steps = await withIndexes({}, (indexes) => indexes.applyStrategy(strategy, { dryRun: !yes, drop }));
      context.terminal.list(steps, [
        left('ACTION', 'action'),
        left('TABLE', 'table'),
        left('INDEX', 'index'),
        left('SQL', 'sql'),
      ]);
      context.terminal.note(summaryOf(steps, { yes, drop }));
    });
}

function summaryOf(steps: readonly StrategyStep[], { yes, drop }: Apply): string {
  const count = (action: StrategyStep['action']) => steps.filter((step) => step.action === action).length;
  const extras = drop ? `${count('extra')} to drop` : `${count('extra')} not named, left`;
  return `${count('create')} to create, ${count('keep')} there, ${extras}${yes ? ': done' : '; --yes does it'}`;
}

async function withIndexes<T>(
  config: Omit<IndexManagerConfig, 'database'>,
  work: (indexes: IndexManager) => Promise<T>,
): Promise<T> {
  await using db = openDatabase(process.env);
  return await work(new IndexManager({ database: db, ...config }));
}

async function readAnalysis(file: string): Promise<Pick<IndexAnalysis, 'takenAt' | 'indexes'>> {
  const value = await readJson(file);
  const isAnalysis = isObject(value) && typeof value['takenAt'] === 'string' && Array.isArray(value['indexes']);
  const takenAt = new Date(isAnalysis ? String(value['takenAt']) : Number.NaN);
  if (!isAnalysis || Number.isNaN(takenAt.getTime())) throw wrong(file, 'is no analysis of `indexes analyze -o json`');
  return { takenAt, indexes: value['indexes'] as IndexAnalysis['indexes'] }; // as this command has written it
}

function readStrategy(value: unknown, file: string): IndexStrategy {
  if (!isObject(value)) throw wrong(file, 'is no object of tables');
  for (const [table, indexes] of Object.entries(value)) {
    const isList = Array.isArray(indexes) && indexes.every((index) => isWish(index));
    if (!isList) throw wrong(file, `${table} is no list of {"columns": [...], "unique": true or false, "name": ...}`);
  }
  return value as IndexStrategy; // each part was looked at
}

function isWish(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { columns, unique, name, ...rest } = value;
  const isColumns = Array.isArray(columns) && columns.length > 0 && columns.every((each) => typeof each === 'string');
  const isUnique = unique === undefined || typeof unique === 'boolean';
  return isColumns && isUnique && (name === undefined || typeof name === 'string') && Object.keys(rest).length === 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new CliFailure(`${file} cannot be read as JSON`, { exitCode: EXIT.usage, cause });
  }
}

function wrong(file: string, what: string): CliFailure {
  return new CliFailure(`${file}: ${what}`, { exitCode: EXIT.usage });
}
