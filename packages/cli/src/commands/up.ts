import { join } from 'node:path';
import { createLogger, LOG_LEVELS } from '@tradestream/runtime';
import { acquireFileLock, createProgressReporter, holderPid } from '@tradestream/stack';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure } from '../output/exit-code.ts';
import { Progress } from '../output/progress.ts';
import { phasesOf, produceFiles } from '../produce/produce-files.ts';
import { Installation } from '../up/installation.ts';
import { lockFileOf } from '../up/lock-file.ts';
import { type Loaded, printSummary, summarise } from '../up/summary.ts';
import { wholeNumber } from './arguments.ts';

type Options = { readonly once: boolean; readonly dataDir?: string; readonly workers: number; readonly data: boolean };

const MARKET_DATA = join(import.meta.dirname, '..', '..', 'data', 'binance-btcusdt-trades-2021-01-08.csv');
const WORKERS_MAX = 6;

/** What `npm start` runs. */
export function upCommand(context: CliContext): Command {
  return new Command('up')
    .description('start the stack and the services, load real trades, show what came of them, and stay until Ctrl-C')
    .option('--once', 'end after the summary; exit code 0 when every check held', false)
    .option('--data-dir <folder>', 'keep the data there across starts; without it a temporary folder is used')
    .option('--workers <count>', 'workers that share the partitions', wholeNumber(1, WORKERS_MAX), 1)
    .option('--no-data', 'load nothing')
    .action(async (options: Options) => {
      const lockFile = lockFileOf(context.stateFolder);
      const lock = await acquireFileLock(lockFile, { timeoutMs: 0 });
      if (lock === null) {
        throw new CliFailure(
          `already running here (pid ${holderPid(lockFile) ?? 'unknown'}): see \`tradestream status\`, end it with \`tradestream down\``,
        );
      }
      try {
        await run(context, options);
      } finally {
        await lock.close();
      }
    });
}

async function run(context: CliContext, options: Options): Promise<void> {
  const { terminal, signal } = context;
  const reporter = createProgressReporter(process.stderr);
  const level = LOG_LEVELS.find((known) => known === process.env['LOG_LEVEL']) ?? 'warn';
  const installation = await Installation.start({
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
    workers: options.workers,
    log: createLogger({ service: 'up', level }),
    signal,
    onProgress: reporter.onProgress,
    onNote: (text) => terminal.note(text),
  }).finally(reporter.stop);
  try {
    const loaded = options.data ? await load(context, installation) : EMPTY;
    const summary = await summarise(installation, loaded, signal);
    printSummary(terminal, summary);
    if (!summary.ok && options.once)
      throw new CliFailure(summary.verify.firstContradiction ?? 'a check of the summary does not hold');
    if (!options.once) await untilAborted(context);
  } finally {
    terminal.note('taking everything down');
    await installation.close();
  }
}

async function load(context: CliContext, installation: Installation): Promise<Loaded> {
  const { terminal, signal } = context;
  const startedMs = performance.now();
  const summary = await produceFiles(await phasesOf([MARKET_DATA], 'binance-trades'), {
    gateway: { url: installation.urlOf('gateway') },
    wait: true,
    terminal,
    progress: new Progress(terminal),
    remember: null,
    signal,
  });
  return { summary, seconds: (performance.now() - startedMs) / 1_000 };
}

async function untilAborted({ terminal, signal }: CliContext): Promise<void> {
  terminal.note('running; Ctrl-C ends it and takes everything down');
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const EMPTY: Loaded = {
  seconds: 0,
  summary: {
    sent: 0,
    outcomes: { applied: 0, rejected: 0, parked: 0, discarded: 0 },
    appliedTypes: {},
    reasons: {},
    conflicts: 0,
    refused: 0,
    badLines: 0,
    answeredBefore: 0,
    failedBefore: 0,
  },
};
