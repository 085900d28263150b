import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MessageLog, openKafka } from '@tradestream/messaging';
import { type Closeable, Scope, sleep } from '@tradestream/runtime';
import { SERVICE_NAMES } from '@tradestream/stack';
import { BASELINE_LOAD, Load } from '../load.ts';
import { cpuMicros, rssBytes } from '../measure/process-figures.ts';
import { drainBacklog } from '../rig/drain.ts';
import { Rig } from '../rig/rig.ts';
import type { Report, ScenarioOptions } from './scenario.ts';
import { openTopology } from './topology.ts';

const GROUPS = 6;
const PARTITIONS = 12;
const INTERVAL_MS = 5_000;
/** The compiler is done with the monitor by then, and every source was asked some times. */
const WARM_UP_MS = 30_000;
const WATCH_MS = 60_000;
const RSS_EVERY_MS = 2_000;
/** With and without in turn; an even number, so that each comes first as often. */
const ROUNDS = 4;
const DRAIN_COUNT = 20_000;
/** Fewer than in B1: here the worker is only compared with itself. */
const USERS = 5_000;
const MARK_PERCENT = 2;

type Idle = { readonly cpuPercent: number; readonly rssBytes: number; readonly rssBytesPerMinute: number };
type Round = { readonly withMonitor: number; readonly without: number };

/** What the monitor costs: at rest with 6 groups x 12 partitions besides its own installation, and to the worker. */
export async function runB11(options: ScenarioOptions): Promise<Report> {
  const { note, log, logFolder } = options;
  note('starting the stack');
  await using scope = new Scope();
  const stack = scope.use(await openTopology('default', log));
  const servicesFile = join(logFolder, 'services.json');
  const rig = scope.use(
    await Rig.open({
      ...options,
      services: SERVICE_NAMES,
      stack,
      label: 'bench_monitor',
      settings: {
        TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: String(INTERVAL_MS),
        TRADESTREAM_MONITOR_SERVICES_FILE: servicesFile,
      },
    }),
  );
  const kafka = scope.use(
    await openKafka({ brokers: stack.endpoints.kafkaBrokers.split(','), clientId: 'bench-groups', log }),
  );
  note(`${GROUPS} groups on ${PARTITIONS} partitions`);
  for (const group of await openGroups(kafka)) scope.use(group);
  const load = new Load({ ...BASELINE_LOAD, users: USERS });
  await rig.publish(load.setup());
  await rig.reached('projected');
  writeFileSync(servicesFile, JSON.stringify({ metricsUrls: metricsUrls(rig, logFolder) }));
  note(`watching the monitor for ${(WARM_UP_MS + WATCH_MS) / 1_000} s`);
  await sleep(WARM_UP_MS);
  const pid = rig.pids['monitor'] ?? 0;
  const idle = await watch(pid);
  note(`${idle.cpuPercent} % of a core, ${idle.rssBytesPerMinute} bytes a minute`);
  note(`draining ${DRAIN_COUNT} commands, with and without it`);
  await drainBacklog(rig, [...load.commands(DRAIN_COUNT)]); // the worker is warm from here on
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(await compare({ rig, load, pid, first: round % 2 === 0 }));
  const ratioToWithout = round2(
    sum(rounds.map(({ withMonitor }) => 1 / withMonitor)) / sum(rounds.map(({ without }) => 1 / without)),
  );
  const workerRatio = round2(1 / ratioToWithout);
  return {
    json: {
      scenario: 'B11',
      groups: GROUPS,
      partitions: PARTITIONS,
      intervalMs: INTERVAL_MS,
      ...idle,
      workerRatio,
      rounds,
    },
    rows: [
      ['CPU of the monitor, % of a core', `${idle.cpuPercent}; mark: under ${MARK_PERCENT}`],
      ['its RSS, MB', `${Math.round(idle.rssBytes / 1e6)}; ${round2(idle.rssBytesPerMinute / 1e6)} a minute`],
      ['rate of the worker with it, of that without', `${workerRatio}`],
      ...rounds.map(
        ({ withMonitor, without }, index) =>
          [`  round ${index + 1}, commands/s`, `${withMonitor} and ${without}`] as const,
      ),
    ],
  };
}

/** Each with one member that has every partition and has read a part of each. */
async function openGroups(kafka: MessageLog): Promise<readonly Closeable[]> {
  const scope = new Scope();
  const topic = 'bench-groups';
  const admin = scope.use(await kafka.openAdmin());
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const producer = scope.use(await kafka.openProducer({ clientId: 'bench-groups' }));
  const places = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  await producer.send(
    topic,
    places.flatMap((partition) => [1, 2, 3].map(() => ({ partition, key: null, value: Buffer.from('1') }))),
  );
  const groups = Array.from({ length: GROUPS }, async (_, index) => {
    const assigned = Promise.withResolvers<void>();
    const subscription = await kafka.subscribe(
      { group: `bench-group-${index}`, topic, clientId: 'bench-groups' },
      {
        assigned: async (partitions) => {
          assigned.resolve();
          return new Map(partitions.map((partition) => [partition, 0]));
        },
        revoked: async () => undefined,
        records: async () => undefined,
      },
    );
    await assigned.promise;
    await subscription.commit(new Map(places.map((partition) => [partition, partition % 4])));
    return subscription;
  });
  return [...(await Promise.all(groups)), scope];
}

async function watch(pid: number): Promise<Idle> {
  const before = cpuMicros({ pid })['pid'] ?? 0;
  const startedMs = performance.now();
  const seen: { readonly minutes: number; readonly bytes: number }[] = [];
  while (performance.now() - startedMs < WATCH_MS) {
    await sleep(RSS_EVERY_MS);
    seen.push({ minutes: (performance.now() - startedMs) / 60_000, bytes: rssBytes(pid) });
  }
  const micros = (cpuMicros({ pid })['pid'] ?? 0) - before;
  return {
    cpuPercent: round2(micros / 10 / (performance.now() - startedMs)),
    rssBytes: seen.at(-1)?.bytes ?? 0,
    rssBytesPerMinute: Math.round(slopeOf(seen)),
  };
}

/** A monitor that is stopped costs nothing; its connections stay as they are. */
async function compare(options: {
  readonly rig: Rig;
  readonly load: Load;
  readonly pid: number;
  readonly first: boolean;
}): Promise<Round> {
  const { rig, load, pid, first } = options;
  const rateWith = async () => (await drainBacklog(rig, [...load.commands(DRAIN_COUNT)])).rate;
  const rateWithout = async () => {
    process.kill(pid, 'SIGSTOP');
    try {
      return (await drainBacklog(rig, [...load.commands(DRAIN_COUNT)])).rate;
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  };
  if (first) {
    const withMonitor = await rateWith();
    return { withMonitor, without: await rateWithout() };
  }
  const without = await rateWithout();
  return { withMonitor: await rateWith(), without };
}

/** Where each service says it shows its metrics. */
function metricsUrls(rig: Rig, logFolder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    rig.services.flatMap(({ name, logFile }) => {
      const found = /"url":"(http:[^"]+)"/.exec(readFileSync(join(logFolder, logFile), 'utf8'))?.[1];
      return found === undefined ? [] : [[name, found]];
    }),
  );
}

/** Of the line that lies nearest to all. */
function slopeOf(points: readonly { readonly minutes: number; readonly bytes: number }[]): number {
  const meanMinutes = sum(points.map(({ minutes }) => minutes)) / points.length;
  const meanBytes = sum(points.map(({ bytes }) => bytes)) / points.length;
  const over = sum(points.map(({ minutes, bytes }) => (minutes - meanMinutes) * (bytes - meanBytes)));
  return over / sum(points.map(({ minutes }) => (minutes - meanMinutes) ** 2));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
