import type { ChildProcess } from 'node:child_process';
import type { AlertAnswer } from '@tradestream/answers';
import { MONITOR_SPEC } from '@tradestream/monitor';
import { createLogger, sleep } from '@tradestream/runtime';
import { openStack } from '@tradestream/stack';
import { verifyDeep } from '@tradestream/verify';
import { BASELINE_LOAD, Load } from '../../../bench/src/load.ts';
import { eventually } from '../../support/eventually.ts';
import type { LedgerWorld } from '../../support/ledger-world.ts';
import type { MonitorProcess } from '../../support/monitor-process.ts';
import { monitorOf, openMonitorWorld } from '../../support/monitor-world.ts';
import { ServiceAddresses } from '../../support/service-addresses.ts';
import { type MemorySample, sampleMemory, slopePerHour } from './memory-slope.ts';

export type SoakReport = {
  readonly ok: boolean;
  readonly minutes: number;
  readonly commands: number;
  /** Alerts that fired although nothing was wrong. */
  readonly falseAlarms: readonly string[];
  readonly memory: Readonly<
    Record<string, { readonly firstMb: number; readonly lastMb: number; readonly slopeMbPerHour: number }>
  >;
  readonly failures: readonly string[];
};

/** Seconds of load at so many commands a second, in turn: idle, light, busy, and a burst. */
const PHASES: readonly { readonly seconds: number; readonly perSecond: number }[] = [
  { seconds: 30, perSecond: 0 },
  { seconds: 60, perSecond: 20 },
  { seconds: 60, perSecond: 300 },
  { seconds: 15, perSecond: 2_000 },
  { seconds: 30, perSecond: 100 },
];
/** Tests look four times as often, and so call a consumer stalled four times as soon. */
const SHIPPED = {
  TRADESTREAM_MONITOR_CANARY: 'true',
  TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: MONITOR_SPEC.TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS.fallbackText,
};
const TICK_MS = 250;
/** As many orders as two workers keep, twice over: what still grows then is no cache that fills. */
const FILL_COUNT = 500_000;
const SEND_COUNT = 500;
const FILLED_MS = 600_000;
const SETTLED_MS = 120_000;
/** Slopes of a short run say nothing. */
const SLOPE_MINUTES_MIN = 30;
const SLOPE_MB_MAX = 60;

/** Normal load with pauses on a whole installation: no alert may fire, nothing may grow. */
export async function runSoak(options: {
  readonly minutes: number;
  readonly note: (line: string) => void;
}): Promise<SoakReport> {
  const { minutes, note } = options;
  const none = {
    DATABASE_URL: '',
    DATABASE_REPLICA_URLS: '',
    REDIS_URL: '',
    KAFKA_BROKERS: '',
    SCHEMA_REGISTRY_URL: '',
  };
  const stack = await openStack({
    log: createLogger({ service: 'soak', level: 'silent' }),
    mode: 'embedded',
    env: { ...process.env, ...none },
  });
  try {
    await using world = await openMonitorWorld(stack.endpoints, 'soak', 6);
    const services = new Map<string, ChildProcess>([
      ['worker-1', world.startWorker()],
      ['worker-2', world.startWorker()],
      ['projector', world.startProjector()],
    ]);
    const addresses = new ServiceAddresses();
    for (const [name, child] of services) await addresses.tell(world, name, child);
    await using monitor = await monitorOf(world, { ...SHIPPED, TRADESTREAM_MONITOR_SERVICES_FILE: addresses.file });
    services.set('monitor', monitor.child);
    const load = new Load({ ...BASELINE_LOAD, users: 2_000, openOrders: 200 });
    note(`filling what the services keep, with ${FILL_COUNT} commands`);
    const filling = [...load.setup(), ...load.commands(FILL_COUNT)];
    for (let start = 0; start < filling.length; start += SEND_COUNT)
      await world.send(filling.slice(start, start + SEND_COUNT));
    await world.applied(FILLED_MS);
    await world.projected(FILLED_MS);
    await eventually(async () => (await alertsSince(monitor, Date.now())).length === 0, { withinMs: SETTLED_MS });
    note('the installation is up and quiet');
    const since = Date.now();
    const watched = await watch({
      world,
      services,
      load,
      minutes,
      note,
      alerts: async () => await alertsSince(monitor, since),
    });
    await world.applied(SETTLED_MS);
    await world.projected(SETTLED_MS);
    const { contradictions } = await verifyDeep(
      { ...world.database.endpoints, databaseUrl: world.database.url, replicaUrls: world.database.replicaUrls },
      { signal: AbortSignal.timeout(600_000), topicPrefix: world.group('') },
    );
    return judge(minutes, watched, contradictions);
  } finally {
    await stack.close();
  }
}

type Watched = {
  readonly commands: number;
  readonly falseAlarms: readonly string[];
  readonly memory: ReadonlyMap<string, readonly MemorySample[]>;
};

async function watch(options: {
  readonly world: LedgerWorld;
  readonly services: ReadonlyMap<string, ChildProcess>;
  readonly load: Load;
  readonly minutes: number;
  readonly note: (line: string) => void;
  readonly alerts: () => Promise<readonly string[]>;
}): Promise<Watched> {
  const { world, services, load, minutes, note } = options;
  const endMs = performance.now() + minutes * 60_000;
  const commands = load.endless();
  const alarms = new Set<string>();
  const memory = new Map([...services.keys()].map((name) => [name, [] as MemorySample[]]));
  let sent = 0;
  for (let phase = 0; performance.now() < endMs; phase += 1) {
    const { seconds, perSecond } = PHASES[phase % PHASES.length] ?? { seconds: 1, perSecond: 0 };
    const phaseEndMs = Math.min(endMs, performance.now() + seconds * 1_000);
    while (performance.now() < phaseEndMs) {
      const batch = Array.from({ length: (perSecond * TICK_MS) / 1_000 }, () => commands.next().value);
      const tickMs = performance.now() + TICK_MS;
      if (batch.length > 0) await world.send(batch);
      sent += batch.length;
      await sleep(Math.max(0, tickMs - performance.now()));
    }
    for (const name of await options.alerts()) {
      if (!alarms.has(name)) note(`false alarm: ${name}`);
      alarms.add(name);
    }
    for (const [name, child] of services) {
      const sample = sampleMemory(child.pid);
      if (sample === null || child.exitCode !== null) alarms.add(`${name} has ended`);
      else memory.get(name)?.push(sample);
    }
    const left = Math.max(0, Math.round((endMs - performance.now()) / 1_000));
    note(`${sent} commands, ${alarms.size} false alarms, ${left} s left`);
  }
  return { commands: sent, falseAlarms: [...alarms], memory };
}

function judge(
  minutes: number,
  { commands, falseAlarms, memory }: Watched,
  contradictions: readonly string[],
): SoakReport {
  const figures = [...memory].map(([name, samples]) => {
    const firstMb = Math.round(samples[0]?.megabytes ?? 0);
    const lastMb = Math.round(samples.at(-1)?.megabytes ?? 0);
    return [name, { firstMb, lastMb, slopeMbPerHour: slopePerHour(samples) }] as const;
  });
  const grows =
    minutes < SLOPE_MINUTES_MIN
      ? []
      : figures.flatMap(([name, { slopeMbPerHour }]) =>
          slopeMbPerHour > SLOPE_MB_MAX ? [`${name} grows by ${slopeMbPerHour} MB an hour`] : [],
        );
  const failures = [...falseAlarms.map((name) => `false alarm: ${name}`), ...grows, ...contradictions];
  return { ok: failures.length === 0, minutes, commands, falseAlarms, memory: Object.fromEntries(figures), failures };
}

/** Alerts that fire now, and those that fired and were resolved, since a moment. */
async function alertsSince(monitor: MonitorProcess, since: number): Promise<readonly string[]> {
  if (monitor.child.exitCode !== null) return ['the monitor has ended'];
  const { items } = await monitor.get<{ items: readonly AlertAnswer[] }>('/v1/alerts');
  return items
    .filter(({ state, startsAt }) => state === 'firing' || Date.parse(startsAt) >= since)
    .map(({ name, labels, startsAt }) => `${name} ${JSON.stringify(labels)} at ${startsAt}`);
}
