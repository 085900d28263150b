import type { ProcessNumbers } from '../measure/process-figures.ts';
import type { Comparison } from './compare.ts';
import type { Report } from './scenario.ts';

/** A comparison as lines of a table. */
export function comparisonRows(title: string, figures: Comparison): Report['rows'] {
  const [best] = figures.rawTries;
  const percents = figures.rounds.map((round) => percent(round.ratioToRaw)).join(', ');
  return [
    [title, ''],
    [
      '  applied, commands/s',
      `${figures.rate} (published ${figures.publishedRate}, projected ${figures.projectedRate})`,
    ],
    ['  raw SQL, commands/s', `${figures.rawRate} (${best?.style}, ${best?.batchCount} a batch)`],
    ['  of raw', `${percent(figures.ratioToRaw)} (${percents})`],
    ['  naive, 1 connection', `${figures.naiveRate1}/s; ${figures.ratioToNaive1} x`],
    ['  naive, 8 connections', `${figures.naiveRate8}/s; ${figures.ratioToNaive8} x`],
    [
      '  WAL, bytes a command',
      `${figures.walBytesPerCommand} without projections; raw ${figures.rawWalBytesPerCommand}`,
    ],
    ['  CPU, us a command', listed(figures.cpuMicrosPerCommand, String)],
    ['  RSS at most, MB', listed(figures.rssBytesMax, (bytes) => String(Math.round(bytes / 1e6)))],
  ];
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(0)} %`;
}

function listed(numbers: ProcessNumbers, show: (value: number) => string): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${show(value)}`)
    .join(', ');
}
