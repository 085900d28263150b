import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContractError } from '../errors.ts';
import { anyCommandMessage, anyEnvelope } from './arbitrary-messages.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import { decodeEvent, encodeEvent } from './event-codec.ts';
import { frame, readFrame } from './wire-frame.ts';

function failureOf(work: () => unknown): ContractError {
  try {
    work();
  } catch (error) {
    if (error instanceof ContractError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const cancel = encodeCommand({ commandId: null, command: { type: 'CancelOrder', orderId: 'o-1', symbol: 'BTC-USD' } });
/** Bytes of a deposit up to the decimal: null id, first branch, user `u`, asset `A`. */
const depositStart = '0000' + '0275' + '0241';

test('a value cut anywhere is undecodable and says where', () => {
  fc.assert(
    fc.property(fc.oneof(anyCommandMessage.map(encodeCommand)), fc.nat(), (bytes, at) => {
      const error = failureOf(() => decodeCommand(bytes.subarray(0, at % bytes.length)));
      expect(error.code).toBe('UNDECODABLE');
      expect(error.context).toHaveProperty('field');
      expect(Number(error.context['at'])).toBeLessThanOrEqual(bytes.length);
    }),
  );
  fc.assert(
    fc.property(anyEnvelope.map(encodeEvent), fc.nat(), (bytes, at) => {
      expect(failureOf(() => decodeEvent(bytes.subarray(0, at % bytes.length))).code).toBe('UNDECODABLE');
    }),
  );
});

test('a byte behind the value is undecodable', () => {
  const error = failureOf(() => decodeCommand(Buffer.concat([cancel, Buffer.of(0)])));
  expect(error).toMatchObject({ code: 'UNDECODABLE', retry: 'never', context: { field: 'end of the value' } });
});

test('noise ends in a command or in a typed error, never in anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      for (const decode of [decodeCommand, decodeEvent]) {
        try {
          decode(Buffer.from(noise));
        } catch (error) {
          expect(error).toBeInstanceOf(ContractError);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test('a text longer than the value is undecodable before memory is taken', () => {
  const declared = Buffer.from('0008' + 'feffffffffffff1f' + '41', 'hex');
  expect(failureOf(() => decodeCommand(declared))).toMatchObject({
    code: 'UNDECODABLE',
    context: { field: 'orderId' },
  });
});

test('a negative length and a length beyond 64 bits are undecodable', () => {
  expect(failureOf(() => decodeCommand(Buffer.from('000801', 'hex'))).code).toBe('UNDECODABLE');
  expect(failureOf(() => decodeCommand(Buffer.from(`0008${'ff'.repeat(11)}`, 'hex'))).code).toBe('UNDECODABLE');
});

test('bytes that declare millions of balances are refused before one is read', () => {
  const start = encodeEvent({
    partition: 0,
    seq: 1,
    timeline: 1,
    batch: 1,
    commandId: 'x',
    occurredAt: 0,
    event: { type: 'FundsDeposited', userId: 'u', asset: 'A', amount: 1n, balances: [], orders: [] },
  });
  for (const [bomb, countBytes] of [
    ['8080804000', 4],
    ['ffffff3f0200', 5],
    ['ffffffffffffff1f00', 8],
  ] as const) {
    const payload = Buffer.concat([start.subarray(0, -2), Buffer.from(bomb, 'hex')]);
    // Behind the count, and the bytes that a negative one has with it.
    expect(failureOf(() => decodeEvent(payload))).toMatchObject({
      code: 'UNDECODABLE',
      context: { field: 'balances', at: start.length - 2 + countBytes },
    });
  }
});

test('an unknown branch is undecodable', () => {
  expect(failureOf(() => decodeCommand(Buffer.from('000c', 'hex')))).toMatchObject({ context: { field: 'command' } });
});

test('a decimal of more than 38 digits is malformed and names its field', () => {
  const tooWide = [
    (10n ** 38n).toString(16).padStart(32, '0'),
    (10n ** 43n).toString(16).padStart(36, '0'),
    'ff'.repeat(3).padEnd(60, '0'),
  ];
  for (const hex of tooWide) {
    const length = Buffer.of(hex.length).toString('hex');
    const error = failureOf(() => decodeCommand(Buffer.from(depositStart + length + hex, 'hex')));
    expect(error).toMatchObject({ code: 'MALFORMED', context: { field: 'amount' } });
  }
});

test('a decimal with more sign bytes than it needs is the same amount', () => {
  for (const [hex, amount] of [
    ['00'.repeat(20) + '80', 128n],
    ['ff'.repeat(40) + '7f', -129n],
    ['00ff', 255n],
  ] as const) {
    const length = Buffer.of(hex.length).toString('hex');
    expect(decodeCommand(Buffer.from(depositStart + length + hex, 'hex')).command).toMatchObject({ amount });
  }
});

test('a decimal of no bytes is undecodable', () => {
  expect(failureOf(() => decodeCommand(Buffer.from(`${depositStart}00`, 'hex'))).code).toBe('UNDECODABLE');
});

test('a time that a double cannot hold is malformed, never rounded', () => {
  const command = {
    type: 'ExecuteTrade',
    tradeId: 't',
    symbol: 's',
    buyOrderId: 'b',
    sellOrderId: 'c',
    price: 1n,
    quantity: 1n,
  } as const;
  const bytes = encodeCommand({ commandId: null, command: { ...command, executedAt: 0 } });
  for (const long of ['80808080808080' + '20', 'feffffffffffffffff01', 'ffffffffffffffffff01']) {
    const payload = Buffer.concat([bytes.subarray(0, -1), Buffer.from(long, 'hex')]);
    expect(failureOf(() => decodeCommand(payload))).toMatchObject({
      code: 'MALFORMED',
      context: { field: 'executedAt' },
    });
  }
});

test('NUL bytes and 100 kB in a text decode: the rules for values refuse them later', () => {
  const orderId = `a\0b${'x'.repeat(100_000)}`;
  const bytes = encodeCommand({ commandId: null, command: { type: 'CancelOrder', orderId, symbol: 'BTC-USD' } });
  expect(decodeCommand(bytes).command).toMatchObject({ orderId });
});

test('the frame carries the id of the schema and refuses what has none', () => {
  expect(readFrame(frame(4_000_000_000, cancel))).toEqual({ schemaId: 4_000_000_000, payload: cancel });
  expect(failureOf(() => readFrame(Buffer.of(0, 0, 0, 1))).code).toBe('TOO_SHORT');
  expect(failureOf(() => readFrame(Buffer.of(1, 0, 0, 0, 1, 0))).code).toBe('BAD_MAGIC');
});
