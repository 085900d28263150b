import {
  type Amount,
  decide,
  type EventEnvelope,
  evolve,
  InMemoryState,
  REASONS,
  type TradeCommand,
  type TradeEvent,
  UNIT,
} from '@tradestream/trading';
import { expect, test } from 'vitest';
import { Market } from './market.ts';
import { Replay } from './replay.ts';

const COMMANDS = 20_000;

test('the rules written a second time give every decision and every value after it again, and every reason occurs', () => {
  const draw = drawFrom(4_711);
  const state = new InMemoryState();
  const replay = new Replay(new Market());
  const reasons = new Set<string>();
  for (let seq = 1; seq <= COMMANDS; seq += 1) {
    const command = drawCommand(draw, seq);
    const decision = decide(command, state);
    const event: TradeEvent = decision.accepted
      ? decision.event
      : { type: 'CommandRejected', reason: decision.reason, command };
    evolve(state, event);
    if (!decision.accepted) reasons.add(decision.reason);
    replay.take(envelopeOf(event, seq));
  }
  replay.end();
  expect([...reasons].toSorted()).toEqual(REASONS.toSorted());
});

test('for an order id that races under two symbols the two refusals may change places, and no others', () => {
  const cancel = { type: 'CancelOrder', orderId: 'o', symbol: 'BTC-USD' } as const;
  const refused = (reason: 'SYMBOL_MISMATCH' | 'ORDER_NOT_OPEN') =>
    envelopeOf({ type: 'CommandRejected', reason, command: cancel }, 1);
  const raced = new Replay(new Market());
  raced.take(refused('SYMBOL_MISMATCH'));
  raced.take(envelopeOf(deposited('u', 'EUR', UNIT), 2));
  const order = { orderId: 'o', userId: 'u', symbol: 'ETH-EUR', side: 'buy', price: UNIT, quantity: UNIT } as const;
  const balances = [{ userId: 'u', asset: 'EUR', available: 0n, held: UNIT, version: 2 }];
  const orders = [{ ...order, filled: 0n, hold: UNIT, status: 'open', version: 1 }] as const;
  raced.take(envelopeOf({ type: 'OrderPlaced', ...order, balances, orders }, 3));
  raced.end();

  const unexplained = new Replay(new Market());
  unexplained.take(refused('SYMBOL_MISMATCH'));
  expect(() => unexplained.end()).toThrow('no race explains it');
  expect(() => new Replay(new Market()).take(refused('ORDER_NOT_OPEN'))).toThrow('decided again it is UNKNOWN_ORDER');
});

test('a placement may have been refused for want of funds while its order id was being taken under another symbol', () => {
  const place = { orderId: 'o', userId: 'u', side: 'buy', price: UNIT, quantity: UNIT } as const;
  const taken = (symbol: string) => {
    const replay = new Replay(new Market());
    replay.take(envelopeOf(deposited('u', 'EUR', UNIT), 1));
    const order = { ...place, symbol } as const;
    const balances = [{ userId: 'u', asset: 'EUR', available: 0n, held: UNIT, version: 2 }];
    const orders = [{ ...order, filled: 0n, hold: UNIT, status: 'open', version: 1 }] as const;
    replay.take(envelopeOf({ type: 'OrderPlaced', ...order, balances, orders }, 2));
    return replay;
  };
  const command = { type: 'PlaceOrder', ...place, symbol: 'BTC-EUR' } as const;
  const refused = envelopeOf({ type: 'CommandRejected', reason: 'INSUFFICIENT_FUNDS', command }, 3);
  const raced = taken('ETH-EUR');
  raced.take(refused);
  raced.end();
  expect(() => taken('BTC-EUR').take(refused)).toThrow('decided again it is DUPLICATE_ORDER');
});

function deposited(userId: string, asset: string, amount: Amount): TradeEvent {
  const balances = [{ userId, asset, available: amount, held: 0n, version: 1 }];
  return { type: 'FundsDeposited', userId, asset, amount, balances, orders: [] };
}

function envelopeOf(event: TradeEvent, seq: number): EventEnvelope {
  return { partition: 0, seq, timeline: 1, batch: seq, commandId: `c-${seq}`, occurredAt: 0, event };
}

type Draw = <T>(...of: readonly [T, ...T[]]) => T;

/** The same seed, the same commands. Each number is mixed: neighbours must not depend on one another. */
function drawFrom(seed: number): Draw {
  let now = seed;
  return (...of) => {
    now = (now + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(now ^ (now >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    mixed = (mixed ^ (mixed >>> 15)) >>> 0;
    return of[mixed % of.length] ?? of[0];
  };
}

/**
 * Few names and prices within a round of 150 commands, so that commands meet; a price of 1/3 and
 * amounts near the limit, so that they round and overflow. Even order ids mostly buy, odd ones sell.
 */
function drawCommand(draw: Draw, nth: number): TradeCommand {
  const round = Math.floor(nth / 150);
  const userId = draw('u1', 'u2', 'u3');
  const symbol = draw('BTC-USD', 'BTC-USD', 'BTC-USD', 'BTC-USD', 'BTC-USD', 'ETH-BTC', 'USD-USD', 'none');
  const idOf = (of: number) => `o${round}-${of}`;
  const price = () => draw(UNIT, UNIT, UNIT, UNIT / 3n, 2n * UNIT, 1n, 0n);
  const quantity = () => draw(UNIT, UNIT, UNIT / 7n, 3n * UNIT, 5n * UNIT, 5n * UNIT, 1n, 10n ** 37n, -1n);
  const type = draw(...TYPES);
  switch (type) {
    case 'DepositFunds':
    case 'WithdrawFunds': {
      const amount = draw(100n * UNIT, 100n * UNIT, UNIT, 0n, 3n * 10n ** 37n, 9n * 10n ** 37n);
      return { type, userId, asset: draw('BTC', 'USD', 'ETH'), amount };
    }
    case 'PlaceOrder': {
      const of = draw(0, 1, 2, 3, 4, 5);
      const side = draw(of % 2 === 0, of % 2 === 0, of % 2 === 0, of % 2 === 1) ? 'buy' : 'sell';
      return { type, orderId: idOf(of), userId, symbol, side, price: price(), quantity: quantity() };
    }
    case 'AmendOrder':
      return {
        type,
        orderId: idOf(draw(0, 1, 2, 3)),
        symbol,
        price: draw(null, price()),
        quantity: draw(null, quantity()),
      };
    case 'CancelOrder':
      return { type, orderId: idOf(draw(0, 1, 2, 3, 4, 5)), symbol };
    case 'ExecuteTrade': {
      const tradeId = `t${round}-${draw(0, 1, 2, 3, 4)}`;
      const [buyOrderId, sellOrderId] = [idOf(draw(0, 2, 4)), idOf(draw(1, 3, 5))];
      return { type, tradeId, symbol, buyOrderId, sellOrderId, price: price(), quantity: quantity(), executedAt: nth };
    }
  }
}

const TYPES = [
  'DepositFunds',
  'WithdrawFunds',
  'PlaceOrder',
  'PlaceOrder',
  'PlaceOrder',
  'AmendOrder',
  'AmendOrder',
  'CancelOrder',
  'ExecuteTrade',
  'ExecuteTrade',
  'ExecuteTrade',
  'ExecuteTrade',
] as const;
