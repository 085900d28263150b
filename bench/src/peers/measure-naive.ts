import { Scope } from '@tradestream/runtime';
import type { LoadCommand } from '../load.ts';
import { NaiveWorker } from './naive-worker.ts';

export type NaiveOptions = {
  readonly connections: number;
  readonly durationMs: number;
  readonly commands: readonly LoadCommand[];
};

export type NaiveFigures = {
  /** Commands a second. */
  readonly rate: number;
  /** In an order in which they can have been applied. */
  readonly applied: readonly LoadCommand[];
  readonly left: readonly LoadCommand[];
};

/** Naive workers on lanes of their own, for the time given. */
export async function measureNaive(url: string, options: NaiveOptions): Promise<NaiveFigures> {
  const { connections, durationMs, commands } = options;
  await using scope = new Scope();
  const lanes = lanesOf(commands, connections);
  const workers: NaiveWorker[] = [];
  for (let lane = 0; lane < connections; lane += 1) {
    workers.push(scope.use(await NaiveWorker.open(url, connections * 100 + lane)));
  }
  const applied = new Set<LoadCommand>();
  const startedMs = performance.now();
  await Promise.all(
    workers.map(async (worker, lane) => {
      for (const command of lanes[lane] ?? []) {
        if (performance.now() - startedMs >= durationMs) return;
        await worker.apply(command);
        applied.add(command);
      }
    }),
  );
  return {
    rate: Math.round((applied.size / (performance.now() - startedMs)) * 1_000),
    applied: [...applied],
    left: commands.filter((command) => !applied.has(command)),
  };
}

/** A symbol's commands stay in one lane, in their order; symbols are dealt out in turn. */
function lanesOf(commands: readonly LoadCommand[], count: number): readonly (readonly LoadCommand[])[] {
  const lanes: LoadCommand[][] = Array.from({ length: count }, () => []);
  const laneOfKey = new Map<string, number>();
  for (const each of commands) {
    const { command } = each;
    const key = 'symbol' in command ? command.symbol : 'funds';
    const lane = laneOfKey.get(key) ?? laneOfKey.size % count;
    laneOfKey.set(key, lane);
    lanes[lane]?.push(each);
  }
  return lanes;
}
