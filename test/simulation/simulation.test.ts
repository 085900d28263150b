import { expect, test } from 'vitest';
import { catchBugs } from './catch-bugs.ts';
import { explain, runSeeds } from './run-seeds.ts';

const SEEDS = 20_000;
const SAME_SEEDS = 100;
const BUGS_MIN = 20;
/** Worlds that may pass before a planted bug must have shown. */
const BUG_SEEDS_MAX = 1_500;
/** On a machine with other work to do. */
const TIMEOUT_MS = 1_200_000;

test(
  `in ${SEEDS} worlds no command is lost or doubled, and all that is derived from them is their fold`,
  async () => {
    const startedMs = performance.now();
    const report = await runSeeds({ from: 1, count: SEEDS });
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    const { seeds, commands, steps, failed } = report;
    process.stdout.write(`simulation: ${seeds} seeds, ${commands} commands, ${steps} steps in ${seconds} s\n`);
    expect(failed.slice(0, 5).map(explain)).toEqual([]);
    expect(seeds).toBe(SEEDS);
    // Each world is one of its own.
    expect(new Set(report.traces).size).toBeGreaterThan(SEEDS * 0.99);
  },
  TIMEOUT_MS,
);

test(
  `the same seed has the same trace, ${SAME_SEEDS} times of ${SAME_SEEDS}`,
  async () => {
    const first = await runSeeds({ from: 1, count: SAME_SEEDS });
    const second = await runSeeds({ from: 1, count: SAME_SEEDS });
    expect(second.traces).toEqual(first.traces);
    expect(first.traces).toHaveLength(SAME_SEEDS);
  },
  TIMEOUT_MS,
);

test(
  'each planted bug is caught',
  async () => {
    const catches = await catchBugs({ seedsMax: BUG_SEEDS_MAX });
    const table = catches.map(({ bug, seed, symptom }) => {
      const caught = seed === null ? 'NOT CAUGHT' : `seed ${seed}`;
      return `  ${bug.padEnd(66)} ${caught.padEnd(10)} ${symptom.slice(0, 90)}`;
    });
    process.stdout.write(`planted bugs, what caught them and how it showed:\n${table.join('\n')}\n`);
    expect(catches.filter(({ seed }) => seed === null).map(({ bug }) => bug)).toEqual([]);
    expect(catches.length).toBeGreaterThanOrEqual(BUGS_MIN);
  },
  TIMEOUT_MS,
);
