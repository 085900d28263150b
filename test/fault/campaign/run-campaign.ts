import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@tradestream/runtime';
import { SeededRandom } from '../../../bench/src/random.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Rig } from '../rig/rig.ts';
import { Holds } from './holds.ts';
import { judgeSeed } from './judge.ts';
import { planFaults } from './plan.ts';
import { makeSeedLoad, type SeedLoad } from './seed-load.ts';
import { SessionReader } from './session-reader.ts';
import { Writers } from './writers.ts';

export type CampaignReport = {
  readonly seeds: number;
  readonly commands: number;
  readonly applied: number;
  readonly rejected: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly sessionReads: number;
  /** Times that each kind did harm. */
  readonly faults: Readonly<Record<string, number>>;
  /** Kinds that this machine cannot do, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** With the command that runs the seed again. */
  readonly failures: readonly string[];
  /** Of acknowledged ids, for `tradestream verify --deep`. */
  readonly journal: string;
};

export type CampaignOptions = {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly drivers: readonly Driver[];
  /** No seed begins after this, milliseconds on the monotonic clock. */
  readonly deadlineMs?: number;
  readonly onSeed?: (line: string) => void;
};

type SeedRun = {
  readonly wrong: readonly string[];
  readonly sentIn: string;
  /** Of each fault, once all is whole again, what it did. */
  readonly healed: Promise<readonly PromiseSettledResult<string>[]>;
};

/** Accounts are opened this many seeds ahead, so that none waits for its own. */
const AHEAD = 3;
/** Seeds that may be waiting for their judgement while the next one runs. */
const JUDGED_LATE = 3;
const READERS = 3;

/** Seed after seed: load and faults together; a seed is judged while the next one runs. */
export async function runCampaign(rig: Rig, options: CampaignOptions): Promise<CampaignReport> {
  return await new Campaign(rig, options).run();
}

class Campaign {
  readonly #rig: Rig;
  readonly #options: CampaignOptions;
  readonly #journal = join(mkdtempSync(join(tmpdir(), 'tradestream-campaign-')), 'acknowledged.jsonl');
  readonly #writers: Writers;
  readonly #holds = new Holds();
  readonly #faults = new Map<string, number>();
  readonly #skipped = new Map<string, string>();
  readonly #failures: string[] = [];
  readonly #sums = { seeds: 0, commands: 0, applied: 0, rejected: 0, lost: 0, doubled: 0, sessionReads: 0 };
  readonly #startedMs = performance.now();

  constructor(rig: Rig, options: CampaignOptions) {
    this.#rig = rig;
    this.#options = options;
    this.#writers = new Writers(rig, this.#journal);
    for (const { kind, cannot } of options.drivers) {
      const why = cannot?.() ?? null;
      if (why !== null) this.#skipped.set(kind, why);
      else this.#faults.set(kind, 0);
    }
  }

  async run(): Promise<CampaignReport> {
    const { firstSeed, seeds, deadlineMs = Number.POSITIVE_INFINITY } = this.#options;
    const end = firstSeed + seeds;
    const loads = new Map<number, SeedLoad>();
    const openAccounts = async (seed: number) => {
      if (seed >= end) return;
      const load = makeSeedLoad(seed, this.#rig.world.commandSchemaId);
      loads.set(seed, load);
      await this.#writers.produce(load.setup);
    };
    for (let seed = firstSeed; seed < firstSeed + AHEAD; seed += 1) await openAccounts(seed);
    const readers = Array.from(
      { length: READERS },
      (_, index) => new SessionReader(this.#rig.gatewayUrl, `reader-${firstSeed}-${index}`),
    );
    for (const reader of readers) reader.start();
    const judging: Promise<void>[] = [];
    for (let seed = firstSeed; seed < end && performance.now() < deadlineMs; seed += 1) {
      const load = loads.get(seed);
      loads.delete(seed);
      if (load === undefined) throw new RangeError(`seed ${seed} has no load`);
      const ran = await this.#runSeed(load);
      const seen = readers.map((reader) => reader.take());
      this.#sums.sessionReads += seen.reduce((sum, { reads }) => sum + reads, 0);
      const wrong = [...ran.wrong, ...seen.flatMap((each) => each.wrong), ...this.#rig.takeEnded()];
      await openAccounts(seed + AHEAD);
      judging.push(this.#judge(load, { ...ran, wrong }));
      // What heals may take longer than a seed, and not much longer.
      await judging[judging.length - 1 - JUDGED_LATE];
    }
    await Promise.all(judging);
    await Promise.all(readers.map(async (reader) => await reader.stop()));
    return {
      ...this.#sums,
      acknowledged: this.#writers.acknowledged,
      faults: Object.fromEntries(this.#faults),
      skipped: Object.fromEntries(this.#skipped),
      seconds: Math.round((performance.now() - this.#startedMs) / 1_000),
      failures: this.#failures,
      journal: this.#journal,
    };
  }

  async #runSeed(load: SeedLoad): Promise<SeedRun> {
    const startedMs = performance.now();
    const drivers = this.#options.drivers.filter(({ kind }) => this.#faults.has(kind));
    const planned = planFaults(load.seed, drivers);
    const faults = planned.map(async ({ driver, atMs, seed }) => {
      await sleep(atMs);
      const harm = async () => await driver.harm(this.#rig, new SeededRandom(seed));
      const hits = await this.#holds.during(driver.holds, harm);
      this.#faults.set(driver.kind, (this.#faults.get(driver.kind) ?? 0) + hits);
      return `${driver.kind} x${hits} in ${seconds(startedMs)}`;
    });
    const healed = Promise.allSettled(faults);
    const short = planned.flatMap(({ driver }, index) =>
      driver.lasts === true ? [] : [faults[index] ?? Promise.resolve()],
    );
    const [sent] = await Promise.allSettled([this.#writers.send(load), Promise.allSettled(short)]);
    const wrong = sent.status === 'rejected' ? [String(sent.reason)] : [];
    return { wrong, sentIn: seconds(startedMs), healed };
  }

  async #judge(load: SeedLoad, ran: SeedRun): Promise<void> {
    const startedMs = performance.now();
    const healed = await ran.healed;
    const verdict = await judgeSeed(this.#rig, load);
    const unhealed = healed.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    const wrong = [...ran.wrong, ...unhealed, ...verdict.wrong];
    this.#sums.seeds += 1;
    this.#sums.commands += load.payloads.size;
    this.#sums.applied += verdict.applied;
    this.#sums.rejected += verdict.rejected;
    this.#sums.lost += verdict.lost;
    this.#sums.doubled += verdict.doubled;
    const again = `npm run chaos -- --from ${load.seed} --seeds 1`;
    if (wrong.length > 0) this.#failures.push(`seed ${load.seed} (${again}): ${wrong.join('; ')}`);
    const did = healed.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const parts = [
      `seed ${load.seed} ${wrong.length === 0 ? 'holds' : 'FAILED'}: ${verdict.applied} applied, ${verdict.rejected} rejected`,
      `sent in ${ran.sentIn}, judged ${seconds(startedMs)} later`,
      did.join(', '),
      ...wrong,
    ];
    this.#options.onSeed?.(parts.join('; '));
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
}
