import type { FailedSeed, SeedsReport, Stretch } from './seed-report.ts';
import { openSeedThread } from './seed-threads.ts';

export type SeedsOptions = {
  readonly from: number;
  readonly count: number;
  /** Called after each stretch with the seeds run so far. */
  readonly onProgress?: (seeds: number) => void;
};

const THREADS = 2;
const STRETCH = 250;

/** Runs worlds by their seeds, in two threads; resolves when all have come to their end. */
export async function runSeeds({ from, count, onProgress }: SeedsOptions): Promise<SeedsReport> {
  const stretches: Stretch[] = [];
  for (let at = from; at < from + count; at += STRETCH) {
    stretches.push({ from: at, count: Math.min(STRETCH, from + count - at), bug: null });
  }
  const reports = new Map<number, SeedsReport>();
  const run = async () => {
    await using thread = await openSeedThread();
    for (let next = stretches.shift(); next !== undefined; next = stretches.shift()) {
      reports.set(next.from, await thread.ask(next));
      onProgress?.(total([...reports.values()].map(({ seeds }) => seeds)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(THREADS, stretches.length) }, run));
  const inOrder = [...reports].toSorted(([a], [b]) => a - b).map(([, report]) => report);
  return {
    seeds: total(inOrder.map(({ seeds }) => seeds)),
    steps: total(inOrder.map(({ steps }) => steps)),
    commands: total(inOrder.map(({ commands }) => commands)),
    failed: inOrder.flatMap(({ failed }) => failed),
    traces: inOrder.flatMap(({ traces }) => traces),
  };
}

/** What a failing seed says, and how it is run again. */
export function explain({ seed, trace, failures }: FailedSeed): string {
  const said = failures.slice(0, 3).map((failure) => `  ${failure}`);
  return [`seed ${seed} (${trace}), again with: npm run simulate -- --seed ${seed}`, ...said].join('\n');
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
