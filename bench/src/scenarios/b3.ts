import { Scope } from '@tradestream/runtime';
import { BASELINE_LOAD, Load } from '../load.ts';
import { type ProcessNumbers, resetRssMax, rssBytesMax } from '../measure/process-figures.ts';
import { settleTables } from '../measure/settle-tables.ts';
import { SeededRandom } from '../random.ts';
import { drainBacklog } from '../rig/drain.ts';
import { type Latencies, measureLatencies } from '../rig/open-loop.ts';
import { Rig } from '../rig/rig.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology } from './topology.ts';

const PERCENTS = [10, 50] as const;
const DURATION_MS = 60_000;
/** The broker compiles its code for small requests anew after a backlog. */
const WARM_UP_MS = 15_000;
/** Sets the rate of which the levels are a share; long enough for caches, compiler and WAL segments to be used again. */
const DRAIN_COUNT = 400_000;
const SEED = 7;

type Level = Latencies & {
  readonly percent: number;
  readonly commandsPerSecond: number;
  readonly rssBytesMax: ProcessNumbers;
};

/** Latency at a share of the rate at which this machine drains a backlog, on the default stack with everything on. */
export async function runB3(options: ScenarioOptions): Promise<Report> {
  const { note, log } = options;
  note('starting the stack');
  await using scope = new Scope();
  const stack = scope.use(await openTopology('default', log));
  const rig = scope.use(await Rig.open({ ...options, stack, label: 'bench_latency' }));
  const load = new Load(BASELINE_LOAD);
  note(`setting up ${BASELINE_LOAD.users} users`);
  await rig.publish(load.setup());
  await rig.reached('projected');
  note(`draining ${DRAIN_COUNT} commands for the rate`);
  const { rate, rssBytesMax: draining } = await drainBacklog(rig, [...load.commands(DRAIN_COUNT)]);
  const levels: Level[] = [];
  const random = new SeededRandom(SEED);
  for (const percent of PERCENTS) {
    const commandsPerSecond = Math.round((rate * percent) / 100);
    note(`${percent} % of ${rate}/s for ${DURATION_MS / 1_000} s`);
    await settleTables(rig.session, rig.endpoints);
    resetRssMax(rig.pids);
    const commands = load.endless();
    const timing = { durationMs: DURATION_MS, warmUpMs: WARM_UP_MS };
    const latencies = await measureLatencies(rig, { ...timing, rate: commandsPerSecond, commands, random });
    const level = { percent, commandsPerSecond, ...latencies, rssBytesMax: rssBytesMax(rig.pids) };
    note(rowOf(level).join(': '));
    levels.push(level);
  }
  return { json: { scenario: 'B3', rate, levels, rssBytesMax: draining }, rows: levels.map(rowOf) };
}

function rowOf({ percent, commandsPerSecond, appliedMs, visibleMs }: Level): readonly [string, string] {
  const shown = ({ p50, p99, p999 }: Latencies['appliedMs']) => `p50 ${p50}, p99 ${p99}, p99.9 ${p999} ms`;
  return [`${percent} %, ${commandsPerSecond} commands/s`, `applied ${shown(appliedMs)}; visible ${shown(visibleMs)}`];
}
