import type { OutgoingRecord } from '@tradestream/messaging';
import type { TradeCommand } from '@tradestream/trading';
import { SeededRandom } from '../../../bench/src/random.ts';
import { makeFaultyLoad } from '../../support/faulty-load.ts';
import type { Sent } from '../../support/ledger-world.ts';
import { POISON } from '../../support/poison-records.ts';

export const COMMANDS = 2_000;
const POISON_COUNT = 3;

/** What one seed sends: accounts, symbols and ids are its own. */
export type SeedLoad = {
  readonly seed: number;
  /** Before everything else. */
  readonly setup: readonly Sent[];
  readonly sent: readonly Sent[];
  /** Every payload that was sent under an id. */
  readonly payloads: ReadonlyMap<string, readonly TradeCommand[]>;
  readonly poison: readonly OutgoingRecord[];
};

export function makeSeedLoad(seed: number, commandSchemaId: number): SeedLoad {
  const random = new SeededRandom(seed * 31 + 7);
  const load = makeFaultyLoad({ seed, count: COMMANDS, users: 20 + 10 * random.below(8) });
  const own = (sent: readonly Sent[]) =>
    sent.map(({ commandId, command }) => ({ commandId, command: owned(command, seed) }));
  const setup = own(load.setup);
  const sent = own(load.sent);
  const payloads = Map.groupBy([...setup, ...sent], ({ commandId }) => commandId);
  const hostile = POISON(commandSchemaId);
  return {
    seed,
    setup,
    sent,
    payloads: new Map([...payloads].map(([id, of]) => [id, of.map(({ command }) => command)])),
    poison: Array.from({ length: POISON_COUNT }, () => hostile[random.below(hostile.length)]).flatMap((record) =>
      record === undefined ? [] : [{ key: record.key, value: record.value }],
    ),
  };
}

/** The users of a seed, as its accounts are named. */
export function userPrefix(seed: number): string {
  return `s${seed}-`;
}

/** The same command of accounts, orders and symbols that belong to the seed; the quote asset is everyone's. */
function owned(command: TradeCommand, seed: number): TradeCommand {
  const name = (text: string) => `${userPrefix(seed)}${text}`;
  const asset = (text: string) => (text === 'USD' ? text : `${text}S${seed}`);
  const symbol = (text: string) => text.replace('-', `S${seed}-`);
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return { ...command, userId: name(command.userId), asset: asset(command.asset) };
    case 'PlaceOrder':
      return {
        ...command,
        userId: name(command.userId),
        orderId: name(command.orderId),
        symbol: symbol(command.symbol),
      };
    case 'AmendOrder':
    case 'CancelOrder':
      return { ...command, orderId: name(command.orderId), symbol: symbol(command.symbol) };
    case 'ExecuteTrade':
      return {
        ...command,
        tradeId: name(command.tradeId),
        symbol: symbol(command.symbol),
        buyOrderId: name(command.buyOrderId),
        sellOrderId: name(command.sellOrderId),
      };
  }
}
