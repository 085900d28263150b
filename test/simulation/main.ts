import { parseArgs } from 'node:util';
import { explain, runSeeds } from './run-seeds.ts';
import { installVirtualTime } from './virtual-time.ts';

// `npm run simulate -- --seeds N [--from M]` runs worlds; `-- --seed N` runs one and tells all that happened in it.

const USAGE = 'usage: npm run simulate -- [--seeds N] [--from N] | --seed N\n';
const wanted = readOptions();
if (wanted === null) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (wanted.seed !== null) {
  await showOne(wanted.seed);
} else {
  await runMany(wanted.from, wanted.seeds);
}

/** Null for what is no use of it. */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '20000' },
        from: { type: 'string', default: '1' },
        seed: { type: 'string' },
      },
    });
    const [seeds, from] = [Number(values.seeds), Number(values.from)];
    const seed = values.seed === undefined ? null : Number(values.seed);
    return [seeds, from, seed ?? 0].every((number) => Number.isSafeInteger(number) && number >= 0)
      ? { seeds, from, seed }
      : null;
  } catch {
    return null;
  }
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
