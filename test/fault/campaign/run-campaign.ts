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
import { makeSeedLoad, type SeedLoad, userPrefix } from './seed-load.ts';
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

/** Accounts are opened this many seeds ahead, so that none waits for its own. */
const AHEAD = 3;

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
    let judging: Promise<void> = Promise.resolve();
    for (let seed = firstSeed; seed < end && performance.now() < deadlineMs; seed += 1) {
      const load = loads.get(seed);
      loads.delete(seed);
      if (load === undefined) throw new RangeError(`seed ${seed} has no load`);
      const ran = await this.#runSeed(load);
      await openAccounts(seed + AHEAD);
      await judging;
      judging = this.#judge(load, ran);
    }
    await judging;
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

  async #runSeed(load: SeedLoad): Promise<{ readonly wrong: readonly string[]; readonly line: string }> {
    const startedMs = performance.now();
    const reader = new SessionReader(this.#rig.gatewayUrl, `reader-${userPrefix(load.seed)}`);
    reader.start();
    const drivers = this.#options.drivers.filter(({ kind }) => this.#faults.has(kind));
    const faults = planFaults(load.seed, drivers).map(async ({ driver, atMs, seed }) => {
      await sleep(atMs);
      const hits = await this.#holds.during(
        driver.holds,
        async () => await driver.harm(this.#rig, new SeededRandom(seed)),
      );
      this.#faults.set(driver.kind, (this.#faults.get(driver.kind) ?? 0) + hits);
      return `${driver.kind} x${hits} (${Math.round(performance.now() - startedMs)} ms)`;
    });
    const sending = this.#writers.send(load);
    const ended = await Promise.allSettled([sending, ...faults]);
    const sendMs = Math.round(performance.now() - startedMs);
    const { reads, wrong } = await reader.stop();
    this.#sums.sessionReads += reads;
    const failed = ended.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    const did = ended.flatMap((each) =>
      each.status === 'fulfilled' && typeof each.value === 'string' ? [each.value] : [],
    );
    return { wrong: [...wrong, ...failed], line: `${sendMs} ms, ${reads} session reads, ${did.join(', ')}` };
  }

  async #judge(load: SeedLoad, ran: { readonly wrong: readonly string[]; readonly line: string }): Promise<void> {
    const startedMs = performance.now();
    const verdict = await judgeSeed(this.#rig, load);
    const wrong = [...ran.wrong, ...verdict.wrong];
    this.#sums.seeds += 1;
    this.#sums.commands += load.payloads.size;
    this.#sums.applied += verdict.applied;
    this.#sums.rejected += verdict.rejected;
    this.#sums.lost += verdict.lost;
    this.#sums.doubled += verdict.doubled;
    const again = `npm run chaos -- --from ${load.seed} --seeds 1`;
    if (wrong.length > 0) this.#failures.push(`seed ${load.seed} (${again}): ${wrong.join('; ')}`);
    const judgedMs = Math.round(performance.now() - startedMs);
    this.#options.onSeed?.(
      `seed ${load.seed} ${wrong.length === 0 ? 'holds' : 'FAILED'}: ${verdict.applied} applied, ${verdict.rejected} rejected; ${ran.line}; judged after ${judgedMs} ms${wrong.length > 0 ? `: ${wrong.join('; ')}` : ''}`,
    );
  }
}
