import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@tradestream/runtime';
import { eventually } from '../../support/eventually.ts';
import { registerAnotherSchema, sendOfSchema } from '../rig/foreign-schema.ts';
import type { Rig } from '../rig/rig.ts';
import { judgeSeed } from './judge.ts';
import { makeSeedLoad } from './seed-load.ts';
import { Writers } from './writers.ts';

export type OutageFigures = {
  readonly what: string;
  readonly awayMs: number;
  /** Commands that were published while it was away. */
  readonly waited: number;
  /** From its return to the first command that was applied. */
  readonly firstAppliedMs: number;
  readonly allAppliedMs: number;
  readonly deadLetters: number;
  /** Deaths and single attempts that were counted. */
  readonly attempts: number;
  /** Largest growth of a worker's memory, megabytes. */
  readonly workerGrowthMb: number;
};

export type LongOutagesReport = {
  readonly outages: readonly OutageFigures[];
  readonly failures: readonly string[];
  readonly journal: string;
};

type Outage = {
  readonly what: string;
  readonly awayMs: number;
  readonly begin: () => Promise<void>;
  readonly end: () => void;
};

const DATABASE_MS = 120_000;
const REGISTRY_MS = 60_000;
const FIRST_APPLIED_MS = 5_000;
const APPLIED_MS = 120_000;
/** Beyond what a loaded machine's garbage comes to. */
const GROWTH_MB_MAX = 150;

/** Database and registry away for minutes under load: nothing is parked, no attempt is counted, and all is applied soon after. */
export async function runLongOutages(rig: Rig, note: (line: string) => void): Promise<LongOutagesReport> {
  const journal = join(mkdtempSync(join(tmpdir(), 'tradestream-outages-')), 'acknowledged.jsonl');
  const writers = new Writers(rig, journal);
  const outages: OutageFigures[] = [];
  const failures: string[] = [];
  for (const [index, outage] of outagesOf(rig).entries()) {
    note(`${outage.what} goes away for ${outage.awayMs / 1_000} s`);
    const load = makeSeedLoad(index + 1, rig.world.commandSchemaId);
    const figures = await suffer(rig, outage, async () => {
      await writers.produce(load.setup);
      await writers.send({ sent: load.sent, poison: [] });
    });
    const { wrong } = await judgeSeed(rig, load);
    failures.push(...wrong, ...complaints(figures), ...rig.takeEnded());
    outages.push(figures);
    note(JSON.stringify(figures));
  }
  return { outages, failures, journal };
}

function outagesOf(rig: Rig): readonly Outage[] {
  const ways = rig.ways.map(({ database }) => database);
  return [
    {
      what: 'the database',
      awayMs: DATABASE_MS,
      begin: async () => {
        for (const way of ways) way.mode = 'refuse';
        for (const way of ways) way.resetAll();
        await Promise.resolve();
      },
      end: () => {
        for (const way of ways) way.mode = 'pass';
      },
    },
    {
      what: 'the registry',
      awayMs: REGISTRY_MS,
      begin: async () => {
        // In every partition, before the load, a record of which only the registry knows the schema.
        const schemaId = await registerAnotherSchema(rig.world, rig.stack.endpoints.schemaRegistryUrl);
        rig.registry.isShut = true;
        await sendOfSchema(rig.world, schemaId);
      },
      end: () => {
        rig.registry.isShut = false;
      },
    },
  ];
}

async function suffer(rig: Rig, outage: Outage, send: () => Promise<void>): Promise<OutageFigures> {
  const before = await countersOf(rig);
  const memory = memoryOf(rig);
  await outage.begin();
  const sending = send();
  await sleep(outage.awayMs);
  const grown = memoryOf(rig).map((bytes, index) => bytes - (memory[index] ?? 0));
  const waiting = await countersOf(rig);
  const backMs = performance.now();
  outage.end();
  await eventually(async () => (await countersOf(rig)).next > waiting.next, { withinMs: APPLIED_MS, everyMs: 50 });
  const firstAppliedMs = Math.round(performance.now() - backMs);
  await sending;
  await rig.world.applied(APPLIED_MS);
  const allAppliedMs = Math.round(performance.now() - backMs);
  const after = await countersOf(rig);
  return {
    what: outage.what,
    awayMs: outage.awayMs,
    waited: after.next - waiting.next,
    firstAppliedMs,
    allAppliedMs,
    deadLetters: after.parked - before.parked,
    attempts: after.attempts - before.attempts,
    workerGrowthMb: Math.round(Math.max(...grown) / 1e6),
  };
}

function complaints(figures: OutageFigures): readonly string[] {
  const { what, deadLetters, attempts, firstAppliedMs, workerGrowthMb } = figures;
  return [
    ...(deadLetters === 0 ? [] : [`${what} away: ${deadLetters} records were parked`]),
    ...(attempts === 0 ? [] : [`${what} away: ${attempts} attempts were counted`]),
    ...(firstAppliedMs <= FIRST_APPLIED_MS
      ? []
      : [`${what} back: the first command was applied after ${firstAppliedMs} ms`]),
    ...(workerGrowthMb <= GROWTH_MB_MAX ? [] : [`${what} away: a worker grew by ${workerGrowthMb} MB`]),
  ];
}

async function countersOf(rig: Rig) {
  const [row] = await rig.rows<{ next: number; attempts: number; parked: number }>(
    `SELECT (SELECT sum(next_offset)::int FROM ledger.partitions) AS next,
            (SELECT sum(deaths + single_attempts)::int FROM ledger.partitions) AS attempts,
            (SELECT count(*)::int FROM ledger.parked) AS parked`,
  );
  if (row === undefined) throw new Error('the ledger has no partitions');
  return row;
}

function memoryOf(rig: Rig): readonly number[] {
  return rig.workers.map(({ pid }) => {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * 1_024;
  });
}
