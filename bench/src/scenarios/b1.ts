import { BASELINE_LOAD, Load, type LoadOptions } from '../load.ts';
import type { ProcessNumbers } from '../measure/process-figures.ts';
import { Denominators, denominatorSql, type RawTry } from '../peers/denominators.ts';
import { type DrainFigures, drainBacklog } from '../rig/drain.ts';
import { Rig } from '../rig/rig.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology, type Topology } from './topology.ts';

const ROUNDS = 2;

export type Comparison = DrainFigures & {
  readonly rawRate: number;
  readonly ratioToRaw: number;
  readonly naiveRate1: number;
  readonly naiveRate8: number;
  readonly ratioToNaive1: number;
  readonly ratioToNaive8: number;
  readonly rounds: readonly { readonly rate: number; readonly rawRate: number; readonly ratioToRaw: number }[];
  readonly rawTries: readonly RawTry[];
};

/** Drains a backlog with everything on, beside raw SQL and the naive worker, on both topologies. */
export async function runB1(options: ScenarioOptions): Promise<Report> {
  const measured: Partial<Record<Topology, Comparison>> = {};
  for (const topology of options.topologies) measured[topology] = await compare(topology, BASELINE_LOAD, options);
  const { default: inDefault, alone } = measured;
  return {
    json: {
      scenario: 'B1',
      commands: options.commandCount,
      ...inDefault,
      ...(alone === undefined ? {} : { alone }),
      sql: denominatorSql(),
    },
    rows: [
      ...(inDefault === undefined ? [] : rowsOf('default stack', inDefault)),
      ...(alone === undefined ? [] : rowsOf('primary alone', alone)),
    ],
  };
}

/** One topology: rounds of the product and of raw SQL in turn, the naive workers between and behind them. */
export async function compare(topology: Topology, load: LoadOptions, options: ScenarioOptions): Promise<Comparison> {
  const { note, log, commandCount } = options;
  note(`${topology}: starting the stack`);
  await using stack = disposable(await openTopology(topology, log));
  await using denominators = disposable(await Denominators.open(stack.endpoints, new Load(load), log));
  note(`${topology}: raw SQL in each style`);
  const rawTries = await denominators.tryRaw();
  const [best] = rawTries;
  if (best === undefined) throw new Error('no style of raw SQL was tried');
  const own = new Load(load);
  await using rig = disposable(await Rig.open({ ...options, stack, label: `bench_${topology}` }));
  note(`${topology}: setting up ${load.users} users`);
  await rig.publish(own.setup());
  await rig.reached('projected');
  const drains: DrainFigures[] = [];
  const rawRates: number[] = [];
  const naiveRates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    note(`${topology}: round ${round + 1}, ${commandCount} commands`);
    drains.push(await drainBacklog(rig, [...own.commands(commandCount)]));
    note(`${topology}: round ${round + 1}, raw SQL (${best.style}, ${best.batchCount} a batch)`);
    rawRates.push(await denominators.measureRaw(best, commandCount));
    const connections = round === 0 ? 1 : 8;
    note(`${topology}: naive worker, ${connections} connections`);
    naiveRates.push(await denominators.measureNaive(connections));
  }
  await denominators.assertRows();
  return summarize({ drains, rawRates, naiveRates, rawTries });
}

function summarize(measured: {
  readonly drains: readonly DrainFigures[];
  readonly rawRates: readonly number[];
  readonly naiveRates: readonly number[];
  readonly rawTries: readonly RawTry[];
}): Comparison {
  const { drains, rawRates, rawTries } = measured;
  const rate = mean(drains.map((drain) => drain.rate));
  const rawRate = mean(rawRates);
  const [naiveRate1 = 0, naiveRate8 = 0] = measured.naiveRates;
  return {
    rate,
    rawRate,
    ratioToRaw: ratio(rate, rawRate),
    naiveRate1,
    naiveRate8,
    ratioToNaive1: ratio(rate, naiveRate1),
    ratioToNaive8: ratio(rate, naiveRate8),
    publishedRate: mean(drains.map((drain) => drain.publishedRate)),
    projectedRate: mean(drains.map((drain) => drain.projectedRate)),
    walBytesPerCommand: mean(drains.map((drain) => drain.walBytesPerCommand)),
    cpuMicrosPerCommand: combine(
      drains.map((drain) => drain.cpuMicrosPerCommand),
      (values) => Math.round(mean(values.map((value) => value * 10))) / 10,
    ),
    rssBytesMax: combine(
      drains.map((drain) => drain.rssBytesMax),
      (values) => Math.max(...values),
    ),
    rounds: drains.map((drain, index) => ({
      rate: drain.rate,
      rawRate: rawRates[index] ?? 0,
      ratioToRaw: ratio(drain.rate, rawRates[index] ?? 0),
    })),
    rawTries,
  };
}

function rowsOf(title: string, figures: Comparison): Report['rows'] {
  const { rate, rawRate, ratioToRaw, naiveRate1, naiveRate8, ratioToNaive1, ratioToNaive8 } = figures;
  const [best] = figures.rawTries;
  return [
    [title, ''],
    ['  applied, commands/s', `${rate} (published ${figures.publishedRate}, projected ${figures.projectedRate})`],
    ['  raw SQL, commands/s', `${rawRate} (${best?.style}, ${best?.batchCount} a batch)`],
    [
      '  of raw',
      `${(ratioToRaw * 100).toFixed(0)} % (${figures.rounds.map((round) => `${(round.ratioToRaw * 100).toFixed(0)} %`).join(', ')})`,
    ],
    ['  naive, 1 connection', `${naiveRate1}/s; ${ratioToNaive1} x`],
    ['  naive, 8 connections', `${naiveRate8}/s; ${ratioToNaive8} x`],
    ['  WAL, bytes a command', `${figures.walBytesPerCommand} without projections`],
    ['  CPU, us a command', listed(figures.cpuMicrosPerCommand, String)],
    ['  RSS at most, MB', listed(figures.rssBytesMax, (bytes) => String(Math.round(bytes / 1e6)))],
  ];
}

function listed(numbers: ProcessNumbers, show: (value: number) => string): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${show(value)}`)
    .join(', ');
}

function combine(all: readonly ProcessNumbers[], fold: (values: readonly number[]) => number): ProcessNumbers {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, fold(all.map((each) => each[name] ?? 0))]));
}

function mean(values: readonly number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));
}

function ratio(value: number, base: number): number {
  return Math.round((value / base) * 100) / 100;
}

function disposable<T extends { close(): Promise<void> }>(resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => resource.close() });
}
