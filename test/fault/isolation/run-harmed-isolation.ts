import { SeededRandom } from '../../../bench/src/random.ts';
import { backendKilled, commitCut, databaseReset, sessionsEnded } from '../drivers/database-faults.ts';
import type { Driver } from '../drivers/driver.ts';
import { quorumFrozen, replayPaused, replicaKilled } from '../drivers/replica-faults.ts';
import { workerJoined, workerKilled } from '../drivers/service-faults.ts';
import type { Rig } from '../rig/rig.ts';
import { findAdya, installAdya } from './adya.ts';
import { type IsolationReport, runIsolation } from './run-isolation.ts';

export type HarmedIsolationReport = {
  readonly runs: readonly IsolationReport[];
  readonly faults: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
};

/** Nodes keep their roles, so that a history is of one node and one promise. */
const HARM: readonly Driver[] = [
  workerKilled,
  sessionsEnded,
  commitCut,
  replayPaused,
  databaseReset,
  quorumFrozen,
  backendKilled,
  replicaKilled,
  workerJoined,
];
const GROUPS = 6;

/** Histories under faults, one after the other: each seed gives a history of every node. */
export async function runHarmedIsolation(
  rig: Rig,
  options: {
    readonly from: number;
    readonly seeds: number;
    readonly deadlineMs: number;
    readonly note: (line: string) => void;
  },
): Promise<HarmedIsolationReport> {
  const { from, seeds, deadlineMs, note } = options;
  const adya = findAdya() ?? (await installAdya());
  const runs: IsolationReport[] = [];
  const failures: string[] = [];
  const faults = new Map<string, number>();
  for (let seed = from; seed < from + seeds && performance.now() < deadlineMs; seed += 1) {
    const { databaseUrl, replicaUrls } = rig.endpoints;
    const isOver = { value: false };
    const harming = harm(rig, new SeededRandom(seed), { isOver, faults });
    const nodes = { primary: databaseUrl, ...replicaUrls };
    const report = await runIsolation({
      world: rig.world,
      rows: async (text, values) => await rig.rows(text, values),
      gatewayUrl: rig.gatewayUrl,
      nodes,
      adya,
      groups: GROUPS,
      seed,
    });
    isOver.value = true;
    await harming;
    const broken = report.histories.flatMap((each) =>
      each.broken === null ? [] : [`seed ${seed}, ${each.of} is not ${each.model}: ${each.broken}`],
    );
    runs.push(report);
    failures.push(...broken, ...rig.takeEnded());
    const reads = report.histories.map(({ of, reads: count }) => `${of} ${count} reads`);
    note(`seed ${seed} ${broken.length === 0 ? 'holds' : 'FAILED'}: ${report.trades} trades, ${reads.join(', ')}`);
  }
  return { runs, faults: Object.fromEntries(faults), failures };
}

/** One fault after the other until the history is over. */
async function harm(
  rig: Rig,
  random: SeededRandom,
  { isOver, faults }: { readonly isOver: { readonly value: boolean }; readonly faults: Map<string, number> },
): Promise<void> {
  while (!isOver.value) {
    const driver = HARM[random.below(HARM.length)];
    if (driver === undefined) return;
    const hits = await driver.harm(rig, random);
    faults.set(driver.kind, (faults.get(driver.kind) ?? 0) + hits);
  }
}
