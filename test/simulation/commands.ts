import { encodeCommand, frame } from '@tradestream/contracts';
import type { OutgoingRecord } from '@tradestream/messaging';
import { commandKey, type TradeCommand, UNIT } from '@tradestream/trading';
import { CURSED_USER } from './database/ledger-statements.ts';
import type { Profile } from './profile.ts';
import type { Random } from './random.ts';

export const COMMAND_SCHEMA_ID = 1;
export const EVENT_SCHEMA_ID = 2;

/** A record that a writer sends, and when. */
export type Sending = { readonly atMs: number; readonly record: OutgoingRecord };

type Placed = { readonly orderId: string; readonly userId: string; readonly symbol: string; readonly isBuy: boolean };

/** Two who trade with each other, and one with little. */
const TRADERS = ['ann', 'bob'] as const;
const USERS = ['ann', 'bob', 'ann', 'bob', 'cy'] as const;
const ASSETS = ['USD', 'BTC', 'ETH'] as const;
const SYMBOLS = ['BTC-USD', 'BTC-USD', 'ETH-BTC'] as const;
const WEALTH = TRADERS.flatMap((userId) => ASSETS.map((asset) => ({ userId, asset })));
/** Placed again and again, under whatever symbol. */
export const RACED_ORDER = 'twice';
const EXECUTED_AT = 1_767_225_600_000_000;
const POISON: OutgoingRecord = { key: 'user:ann', value: Buffer.from([0, 0, 0, 0, COMMAND_SCHEMA_ID, 255, 255]) };

/** What writers send in one world: commands that hit each other's state, some twice, some that are none. */
export function chooseCommands(random: Random, profile: Profile): readonly Sending[] {
  return new CommandMaker(random, profile).sendings();
}

class CommandMaker {
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #placed: Placed[] = [];
  readonly #sent: { readonly commandId: string; readonly command: TradeCommand }[] = [];
  #trades = 0;

  constructor(random: Random, profile: Profile) {
    this.#random = random;
    this.#profile = profile;
  }

  sendings(): readonly Sending[] {
    const { commands, spanMs } = this.#profile;
    const sendings = Array.from({ length: commands }, (_, index) => ({
      atMs: index < WEALTH.length ? 0 : (spanMs * index) / commands,
      record: this.#recordAt(index),
    }));
    return [...sendings, ...this.#late()];
  }

  /** What was sent long ago comes again, and what is of a user's funds wherever it likes. */
  #late(): readonly Sending[] {
    const { archive, healedAtMs, partitions } = this.#profile;
    const random = this.#random;
    return Array.from({ length: archive?.repeats ?? 0 }).flatMap(() => {
      const sent = this.#sent[random.below(this.#sent.length)];
      if (sent === undefined) return [];
      const record = this.#encoded(sent.commandId, sent.command);
      const atMs = healedAtMs * (0.4 + random.fraction() * 0.6) + random.below(80);
      return [{ atMs, record: 'amount' in sent.command ? { ...record, partition: random.below(partitions) } : record }];
    });
  }

  #recordAt(index: number): OutgoingRecord {
    const rich = WEALTH[index];
    if (rich === undefined) return this.#next();
    return this.#framed({ type: 'DepositFunds', ...rich, amount: 60n * UNIT + this.#amount(60) });
  }

  #next(): OutgoingRecord {
    const random = this.#random;
    if (this.#profile.operators !== null && random.chance(0.5)) return this.#cursed();
    const kind = random.below(100);
    const again = this.#sent[random.below(this.#sent.length)];
    if (kind < 2) return POISON;
    if (again !== undefined && kind < 8) return this.#encoded(again.commandId, again.command);
    if (again !== undefined && kind < 12) return this.#conflicting(again.commandId, again.command);
    const command = this.#command();
    const record = this.#framed(command);
    // Safety does not rest on the key's partition: funds of one user may turn up in two. Of orders that
    // race with their own amendments in two partitions no order of history is promised.
    const isFunds = command.type === 'DepositFunds' || command.type === 'WithdrawFunds';
    return isFunds && kind < 40 ? { ...record, partition: random.below(this.#profile.partitions) } : record;
  }

  /** What operators have to do with: commands of a key some of which fail, and what is no command at all. */
  #cursed(): OutgoingRecord {
    const random = this.#random;
    if (random.chance(0.08)) return POISON;
    const type = random.chance(0.7) ? 'DepositFunds' : 'WithdrawFunds';
    const asset = random.pick(['ETH', 'ETH', 'USD', 'BTC', 'USD'] as const);
    return this.#framed({ type, userId: CURSED_USER, asset, amount: this.#amount(20) });
  }

  #command(): TradeCommand {
    const kind = this.#random.below(100);
    if (kind < 16) return this.#deposit();
    if (kind < 32) return this.#withdrawal();
    if (kind < 58 || this.#placed.length === 0) return this.#placement();
    if (kind < 68) return this.#amendment();
    if (kind < 76) return this.#cancellation();
    return this.#trade();
  }

  #deposit(): TradeCommand {
    const userId = this.#profile.cursed && this.#random.chance(0.3) ? CURSED_USER : this.#random.pick(USERS);
    return { type: 'DepositFunds', userId, asset: this.#random.pick(ASSETS), amount: this.#amount(200) };
  }

  #withdrawal(): TradeCommand {
    const userId = this.#random.pick(USERS);
    return { type: 'WithdrawFunds', userId, asset: this.#random.pick(ASSETS), amount: this.#amount(120) };
  }

  #placement(): TradeCommand {
    const random = this.#random;
    const placed = {
      orderId: random.chance(0.06) ? RACED_ORDER : `o${this.#placed.length}`,
      userId: random.pick(USERS),
      symbol: random.pick(SYMBOLS),
      isBuy: random.chance(0.5),
    };
    this.#placed.push(placed);
    const { orderId, userId, symbol, isBuy } = placed;
    // A buy offers more than a sell asks, so that most pairs may meet.
    const price = (isBuy ? 5n : 3n) * UNIT + BigInt(random.below(1_000_000));
    return {
      type: 'PlaceOrder',
      orderId,
      userId,
      symbol,
      side: isBuy ? 'buy' : 'sell',
      price,
      quantity: this.#amount(12),
    };
  }

  #amendment(): TradeCommand {
    const { orderId, symbol } = this.#anyPlaced();
    const price = this.#random.chance(0.5) ? this.#amount(6) : null;
    return { type: 'AmendOrder', orderId, symbol, price, quantity: price === null ? this.#amount(14) : null };
  }

  #cancellation(): TradeCommand {
    const { orderId, symbol } = this.#anyPlaced();
    return { type: 'CancelOrder', orderId, symbol };
  }

  #trade(): TradeCommand {
    const random = this.#random;
    const buy = this.#anyPlaced((order) => order.isBuy);
    const sell = this.#anyPlaced((order) => !order.isBuy && order.symbol === buy.symbol && order.userId !== buy.userId);
    if (random.chance(0.9)) this.#trades += 1;
    return {
      type: 'ExecuteTrade',
      tradeId: `t${this.#trades}`,
      symbol: buy.symbol,
      buyOrderId: buy.orderId,
      sellOrderId: sell.orderId,
      price: 4n * UNIT + BigInt(random.below(1_000_000_000)),
      quantity: this.#amount(3),
      executedAt: EXECUTED_AT + random.below(200) * 1_000_000,
    };
  }

  #anyPlaced(test: (order: Placed) => boolean = () => true): Placed {
    const found = this.#placed.filter(test);
    return (
      found[this.#random.below(found.length)] ?? { orderId: 'none', userId: 'ann', symbol: 'BTC-USD', isBuy: true }
    );
  }

  /** Up to so many units, mostly with digits in all 18 places. */
  #amount(most: number): bigint {
    const random = this.#random;
    const units = BigInt(random.between(1, most)) * UNIT;
    return random.chance(0.3) ? units : units - ((BigInt(random.next()) * BigInt(random.next())) % UNIT);
  }

  #framed(command: TradeCommand): OutgoingRecord {
    const commandId = this.#random.chance(0.05) && command.type !== 'ExecuteTrade' ? null : newId(this.#random);
    if (commandId !== null) this.#sent.push({ commandId, command });
    return this.#encoded(commandId, command);
  }

  #encoded(commandId: string | null, command: TradeCommand): OutgoingRecord {
    return {
      key: commandKey(command),
      value: frame(COMMAND_SCHEMA_ID, encodeCommand({ commandId, command })),
    };
  }

  #conflicting(commandId: string, command: TradeCommand): OutgoingRecord {
    const other = 'amount' in command ? { ...command, amount: command.amount + 1n } : this.#deposit();
    return this.#encoded(commandId, other);
  }
}

/** A UUID that only the seed decides. */
export function newId(random: Random): string {
  const hex = () => random.next().toString(16).padStart(8, '0');
  const digits = hex() + hex() + hex() + hex();
  const groups = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `8${digits.slice(17, 20)}`];
  return [...groups, digits.slice(20)].join('-');
}
