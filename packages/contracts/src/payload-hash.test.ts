import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyCommand } from './avro/arbitrary-messages.ts';
import { decodeCommand, encodeCommand } from './avro/command-codec.ts';
import { payloadHash } from './payload-hash.ts';

const place = {
  type: 'PlaceOrder',
  orderId: 'o-1',
  userId: 'u-1',
  symbol: 'BTC-USD',
  side: 'buy',
  price: 40_000n * 10n ** 18n,
  quantity: 5n * 10n ** 17n,
} as const;

test('the hash of a command never changes from one release to the next', () => {
  expect(payloadHash(place).toString('hex')).toBe('565fa7165208cfdb667c9fc3cb3add735e3d648cbcf3cbb8713492d27592f55c');
  expect(
    payloadHash({ type: 'AmendOrder', orderId: 'o', symbol: 'S', price: null, quantity: -1n }).toString('hex'),
  ).toBe('ab333d7686b7be30a8caa40c73c61415ab2e6b404213af4d60befb26be0a5e35');
  const funds = { userId: 'u', asset: 'USD', amount: 128n } as const;
  expect(payloadHash({ type: 'DepositFunds', ...funds }).toString('hex')).toBe(
    'da8a117f7e177c291ee451654893d1ea7c37eab6e3539ae05166bb92de5a9547',
  );
  const trade = { tradeId: 't', symbol: 'S', buyOrderId: 'b', sellOrderId: 's', price: 1n, quantity: 2n } as const;
  expect(payloadHash({ type: 'ExecuteTrade', ...trade, executedAt: 1_610_064_000_278_000 }).toString('hex')).toBe(
    'b33b42233dddd5a98ffafdc34b7c268ac3f8d392e8f8e6fdbedfe4b1bb577b0e',
  );
});

test('commands that differ in anything differ in their hash', () => {
  fc.assert(
    fc.property(anyCommand, anyCommand, (left, right) => {
      const same = payloadHash(left).equals(payloadHash(right));
      const key = (command: object) =>
        JSON.stringify(Object.entries(command).map(([name, value]) => [name, String(value).toWellFormed()]));
      expect(same).toBe(key(left) === key(right));
    }),
  );
  const moved = { ...place, orderId: 'o-1u', userId: '-1' };
  expect(payloadHash(moved).equals(payloadHash(place))).toBe(false);
});

test('the hash survives the way through Avro', () => {
  fc.assert(
    fc.property(anyCommand, (command) => {
      const again = decodeCommand(encodeCommand({ commandId: null, command })).command;
      expect(payloadHash(again).equals(payloadHash(command))).toBe(true);
    }),
  );
});
