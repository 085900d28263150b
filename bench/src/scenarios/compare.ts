import { Scope } from '@tradestream/runtime';
import { Load, type LoadOptions } from '../load.ts';
import type { ProcessNumbers } from '../measure/process-figures.ts';
import { Denominators, type RawTry } from '../peers/denominators.ts';
import type { RawFigures } from '../peers/raw-writer.ts';
import { type DrainFigures, drainBacklog } from '../rig/drain.ts';
import { Rig } from '../rig/rig.ts';
import type { ScenarioOptions } from './scenario.ts';
import { openTopology, type Topology } from './topology.ts';

const ROUNDS = 2;
/**
 * Commands that go through the product before the clock starts, half of what raw SQL writes in its tries:
 * on both sides the code is compiled then, and the nodes have WAL segments to use again.
 */
const WARM_UP_COUNT = 120_000;

export type Comparison = DrainFigures & {
  readonly rawRate: number;
  readonly rawWalBytesPerCommand: number;
  readonly ratioToRaw: number;
  readonly naiveRate1: number;
  readonly naiveRate8: number;
  readonly ratioToNaive1: number;
  readonly ratioToNaive8: number;
  /** Of the load besides, where there is one. */
  readonly uniformRate?: number;
  readonly rounds: readonly { readonly rate: number; readonly rawRate: number; readonly ratioToRaw: number }[];
  readonly rawTries: readonly RawTry[];
};

export type CompareOptions = ScenarioOptions & {
  readonly topology: Topology;
  readonly load: LoadOptions;
  /** A load that is drained in each round too, on an installation of its own. */
  readonly besides?: LoadOptions;
};

/** Rounds of the product and of raw SQL in turn, on one stack; a naive worker in each round. */
export async function compareWithDenominators(options: CompareOptions): Promise<Comparison> {
  const { note, log, topology, load, besides, commandCount } = options;
  note(`${topology}: starting the stack`);
  await using scope = new Scope();
  const stack = scope.use(await openTopology(topology, log));
  const denominators = scope.use(await Denominators.open(stack.endpoints, new Load(load), log));
  note(`${topology}: raw SQL in each style`);
  const rawTries = await denominators.tryRaw();
  const [best] = rawTries;
  if (best === undefined) throw new Error('no style of raw SQL was tried');
  const open = async (label: string, wanted: LoadOptions) => {
    note(`${topology}: setting up ${wanted.users} users`);
    const rig = scope.use(await Rig.open({ ...options, stack, label: `bench_${topology}_${label}` }));
    const own = new Load(wanted);
    await rig.publish(own.setup());
    await rig.reached('projected');
    note(`${topology}: warming up, ${WARM_UP_COUNT} commands`);
    await drainBacklog(rig, [...own.commands(WARM_UP_COUNT)]);
    return { rig, own };
  };
  const main = await open('main', load);
  const other = besides === undefined ? null : await open('besides', besides);
  const drains: DrainFigures[] = [];
  const otherRates: number[] = [];
  const raws: RawFigures[] = [];
  const naiveRates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    note(`${topology}: round ${round + 1}, ${commandCount} commands`);
    if (other !== null) {
      otherRates.push((await drainBacklog(other.rig, [...other.own.commands(commandCount)])).rate);
    }
    const drain = await drainBacklog(main.rig, [...main.own.commands(commandCount)]);
    note(`${topology}: ${drain.rate}/s, projected ${drain.projectedRate}/s`);
    drains.push(drain);
    note(`${topology}: round ${round + 1}, raw SQL (${best.style}, ${best.batchCount} a batch)`);
    const raw = await denominators.measureRaw(best, commandCount);
    note(`${topology}: raw ${raw.rate}/s`);
    raws.push(raw);
    const connections = round === 0 ? 1 : 8;
    note(`${topology}: naive worker, ${connections} connections`);
    const naive = await denominators.measureNaive(connections);
    note(`${topology}: naive ${naive}/s`);
    naiveRates.push(naive);
  }
  await denominators.assertRows();
  return {
    ...summarize({ drains, raws, naiveRates, rawTries }),
    ...(otherRates.length === 0 ? {} : { uniformRate: mean(otherRates) }),
  };
}

function summarize(measured: {
  readonly drains: readonly DrainFigures[];
  readonly raws: readonly RawFigures[];
  readonly naiveRates: readonly number[];
  readonly rawTries: readonly RawTry[];
}): Comparison {
  const { drains, raws, rawTries } = measured;
  const rate = mean(drains.map((drain) => drain.rate));
  const rawRate = mean(raws.map((raw) => raw.rate));
  const [naiveRate1 = 0, naiveRate8 = 0] = measured.naiveRates;
  const cpu = drains.map((drain) => drain.cpuMicrosPerCommand);
  return {
    rate,
    rawRate,
    rawWalBytesPerCommand: mean(raws.map((raw) => raw.walBytesPerCommand)),
    ratioToRaw: ratio(rate, rawRate),
    naiveRate1,
    naiveRate8,
    ratioToNaive1: ratio(rate, naiveRate1),
    ratioToNaive8: ratio(rate, naiveRate8),
    publishedRate: mean(drains.map((drain) => drain.publishedRate)),
    projectedRate: mean(drains.map((drain) => drain.projectedRate)),
    walBytesPerCommand: mean(drains.map((drain) => drain.walBytesPerCommand)),
    cpuMicrosPerCommand: combine(cpu, (values) => mean(values.map((value) => value * 10)) / 10),
    rssBytesMax: combine(
      drains.map((drain) => drain.rssBytesMax),
      (values) => Math.max(...values),
    ),
    rounds: drains.map((drain, index) => {
      const round = raws[index]?.rate ?? 0;
      return { rate: drain.rate, rawRate: round, ratioToRaw: ratio(drain.rate, round) };
    }),
    rawTries,
  };
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
