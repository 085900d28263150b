import { randomUUID } from 'node:crypto';
import { Scope, sleep } from '@tradestream/runtime';
import { BASELINE_LOAD, Load } from '../load.ts';
import { cpuMicros, type ProcessNumbers, perCommand, resetRssMax, rssBytesMax } from '../measure/process-figures.ts';
import { settleTables } from '../measure/settle-tables.ts';
import { SeededRandom } from '../random.ts';
import { measureLatencies } from '../rig/open-loop.ts';
import { Rig } from '../rig/rig.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology } from './topology.ts';

const LOAD = { ...BASELINE_LOAD, users: 20_000 };
const PROJECTIONS = ['balances', 'candles', 'fills', 'orders', 'trades'] as const;
/** The commands that go on while a projection is rebuilt: about half of what this pipeline does. */
const TRAFFIC = { perSecond: 2_000, warmUpMs: 4_000, durationMs: 16_000 } as const;
const POLL_MS = 50;
const PATIENCE_MS = 180_000;
const SEED = 7;
/** Before the first one the projector's code is not compiled. */
const ROUNDS = 3;

type Result = {
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly live: { readonly count: number } | null;
};
type Rebuilt = Result & {
  readonly projection: string;
  /** Events by the whole time: read, written, read again, compared and swapped. */
  readonly wholePerSecond: number;
  readonly cpuMicrosPerEvent: ProcessNumbers;
};

/** Rebuilding each projection from its first event, and one of them while commands come in. */
export async function runB7(options: ScenarioOptions): Promise<Report> {
  const { note, log, commandCount } = options;
  note('starting the stack');
  await using scope = new Scope();
  const stack = scope.use(await openTopology(options.topologies[0] ?? 'default', log));
  const rig = scope.use(await Rig.open({ ...options, stack, label: 'bench_rebuild' }));
  const load = new Load(LOAD);
  note(`applying ${commandCount} commands of ${LOAD.users} users`);
  await rig.publish(load.setup());
  await rig.publish(load.commands(commandCount));
  await rig.reached('projected');
  await settleTables(rig.session, rig.endpoints);
  resetRssMax(rig.pids);
  const rounds: (readonly Rebuilt[])[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    note(`rebuilding each projection, round ${round} of ${ROUNDS}`);
    rounds.push(await rebuildEach(rig));
  }
  const memory = rssBytesMax(rig.pids);
  const endless = load.endless();
  const random = new SeededRandom(SEED);
  const traffic = { ...TRAFFIC, rate: TRAFFIC.perSecond, commands: endless, random };
  note(`${TRAFFIC.perSecond} commands/s alone`);
  const alone = await measureLatencies(rig, traffic);
  note(`${TRAFFIC.perSecond} commands/s while orders are rebuilt`);
  const beginning = sleep(TRAFFIC.warmUpMs).then(async () => await rebuild(rig, 'orders'));
  const [beside, underTraffic] = await Promise.all([measureLatencies(rig, traffic), beginning]);
  return {
    json: { scenario: 'B7', commands: commandCount, rounds, underTraffic, alone, beside, rssBytesMax: memory },
    rows: [
      ...rounds.flatMap((rebuilt, index) => rebuilt.map((each) => rowOf(each, index + 1))),
      ...rounds.map((rebuilt, index) => [`round ${index + 1}, all five`, allOf(rebuilt)] as const),
      ['orders under traffic', `${underTraffic.eventsPerSecond} events/s loaded, swapped in ${underTraffic.seconds} s`],
      ['  applied p99, ms', `${beside.appliedMs.p99}; without a rebuild ${alone.appliedMs.p99}`],
      ['  visible p99, ms', `${beside.visibleMs.p99}; without a rebuild ${alone.visibleMs.p99}`],
    ],
  };
}

async function rebuildEach(rig: Rig): Promise<readonly Rebuilt[]> {
  const rebuilt: Rebuilt[] = [];
  for (const projection of PROJECTIONS) {
    const before = cpuMicros(rig.pids);
    const result = await rebuild(rig, projection);
    const cpuMicrosPerEvent = perCommand(before, cpuMicros(rig.pids), result.events);
    const wholePerSecond = Math.round(result.events / result.seconds);
    rebuilt.push({ projection, ...result, wholePerSecond, cpuMicrosPerEvent });
  }
  return rebuilt;
}

function rowOf({ projection, cpuMicrosPerEvent: cpu, ...result }: Rebuilt, round: number): readonly [string, string] {
  const { events, eventsPerSecond, wholePerSecond, seconds } = result;
  const parts = `projector ${cpu['projector']}, primary ${cpu['primary']}`;
  return [
    `round ${round}, ${projection}`,
    `${wholePerSecond} events/s (${events} in ${seconds} s, loaded at ${eventsPerSecond}/s); CPU ${parts} microseconds an event`,
  ];
}

/** One after the other, as the projector does them. */
function allOf(rebuilt: readonly Rebuilt[]): string {
  const events = rebuilt.reduce((sum, each) => sum + each.events, 0);
  const seconds = rebuilt.reduce((sum, each) => sum + each.seconds, 0);
  return `${Math.round(events / seconds)} events/s`;
}

async function rebuild(rig: Rig, projection: string): Promise<Result> {
  const id = randomUUID();
  await rig.session.query({
    text: `SELECT views.ask($1, 'rebuild', $2, NULL, 'bench', 'measured')`,
    values: [id, projection],
  });
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    const { rows } = await rig.session.query<{ state: string; error: string | null; result: Result | null }>({
      text: 'SELECT state, error, result FROM views.requests WHERE id = $1',
      values: [id],
    });
    const [row] = rows;
    if (row?.state === 'failed') throw new Error(`rebuilding ${projection} failed: ${row.error}`);
    if (row?.state === 'done' && row.result !== null) return row.result;
    await sleep(POLL_MS);
  }
  throw new Error(`rebuilding ${projection} took longer than ${PATIENCE_MS} ms`);
}
