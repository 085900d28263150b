import { parseArgs } from 'node:util';
import { explain, runSeeds } from './run-seeds.ts';
import { installVirtualTime } from './virtual-time.ts';

// `npm run simulate -- --seeds N [--from M]` runs worlds; `-- --seed N` runs one and tells all that happened in it.

const USAGE = 'usage: npm run simulate -- [--seeds N] [--from N] | --seed N\n';
const { values } = parseArgs({
  options: { seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' } },
});
const [seed = 0, from = 1, count = 20_000] = [values.seed ?? '0', values.from ?? '1', values.seeds ?? '20000'].map(
  Number,
);

if (![seed, from, count].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (values.seed !== undefined) {
  await showOne(seed);
} else {
  await runMany(from, count);
}

async function showOne(seedShown: number): Promise<void> {
  installVirtualTime();
  const { runSeed } = await import('./world.ts');
  const { lines, trace, failures } = await runSeed(seedShown, { keepLines: true });
  process.stdout.write(`${lines.join('\n')}\n`);
  process.stderr.write(`seed ${seedShown}, trace ${trace}\n${failures.join('\n') || 'all rules hold'}\n`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

async function runMany(first: number, seeds: number): Promise<void> {
  const startedMs = performance.now();
  const report = await runSeeds({
    from: first,
    count: seeds,
    onProgress: (done) => process.stderr.write(`\r${done} of ${seeds} seeds`),
  });
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  process.stderr.write('\n');
  for (const failed of report.failed) process.stdout.write(`${explain(failed)}\n`);
  const { commands, steps, failed } = report;
  process.stdout.write(
    `${report.seeds} seeds, ${commands} commands, ${steps} steps in ${seconds} s: ${failed.length} failed\n`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}
