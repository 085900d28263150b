import { type TradeCommand, UNIT } from '@tradestream/trading';
import { BASELINE_LOAD, Load } from '../../bench/src/load.ts';
import { SeededRandom } from '../../bench/src/random.ts';
import type { Sent } from './ledger-world.ts';

export type FaultyLoad = {
  /** Accounts first: to be applied before the rest is sent. */
  readonly setup: readonly Sent[];
  /** In the order to be sent: commands, some of them twice, some under an id that stands for another. */
  readonly sent: readonly Sent[];
  /** Every command once, by id: what must have exactly one outcome. */
  readonly commands: ReadonlyMap<string, TradeCommand>;
  readonly duplicates: number;
  readonly conflicts: number;
};

/** Commands with 10 % sent twice and 1 % whose id comes again with another payload. */
export function makeFaultyLoad(options: {
  readonly seed: number;
  readonly count: number;
  readonly users: number;
}): FaultyLoad {
  const { seed, count, users } = options;
  const load = new Load({ ...BASELINE_LOAD, seed, users, openOrders: 200 });
  const random = new SeededRandom(seed + 1);
  const setup = [...load.setup()];
  const sent: Sent[] = [];
  let duplicates = 0;
  let conflicts = 0;
  const made = [...load.commands(count)];
  for (const [index, command] of made.entries()) {
    sent.push(command);
    const earlier = made[index - random.below(Math.min(3_000, index + 1))];
    const draw = random.next();
    if (earlier !== undefined && draw < 0.1) {
      sent.push(earlier);
      duplicates += 1;
    } else if (earlier !== undefined && draw < 0.11) {
      const userId = `conflict-${index}`;
      sent.push({
        commandId: earlier.commandId,
        command: { type: 'DepositFunds', userId, asset: 'USD', amount: UNIT },
      });
      conflicts += 1;
    }
  }
  return { setup, sent, commands: new Map(made.map((each) => [each.commandId, each.command])), duplicates, conflicts };
}
