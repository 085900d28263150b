import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandToJson, parseCommandJson } from './command-json.ts';

const id = '0190a5c4-7b1e-7c3a-9f4e-2b8d1a6c5e3f';
const deposit = { type: 'DepositFunds', userId: 'u-1', asset: 'USD', amount: '10.5' };
const place = {
  type: 'PlaceOrder',
  orderId: 'o-1',
  userId: 'u-1',
  symbol: 'BTC-USD',
  side: 'buy',
  price: '40000',
  quantity: '0.5',
};
const amend = { type: 'AmendOrder', orderId: 'o-1', symbol: 'BTC-USD' };
const trade = {
  type: 'ExecuteTrade',
  tradeId: '99',
  symbol: 'BTC-USD',
  buyOrderId: 'b',
  sellOrderId: 's',
  price: '40000',
  quantity: '0.5',
  executedAt: '2021-01-08T00:00:00.278Z',
};

const problemOf = (json: unknown) => {
  const parsed = parseCommandJson(json);
  if (parsed.ok) throw new Error('it was taken for a command');
  return parsed;
};

test('each type is read with its fields', () => {
  expect(parseCommandJson({ ...deposit, commandId: id.toUpperCase() })).toEqual({
    ok: true,
    commandId: id,
    command: { ...deposit, amount: 105n * 10n ** 17n },
  });
  expect(parseCommandJson({ ...deposit, type: 'WithdrawFunds' })).toMatchObject({ command: { type: 'WithdrawFunds' } });
  expect(parseCommandJson(place)).toEqual({
    ok: true,
    commandId: null,
    command: { ...place, price: 40_000n * 10n ** 18n, quantity: 5n * 10n ** 17n },
  });
  expect(parseCommandJson(amend)).toMatchObject({ command: { ...amend, price: null, quantity: null } });
  expect(parseCommandJson({ ...amend, price: '-1' })).toMatchObject({
    command: { price: -(10n ** 18n), quantity: null },
  });
  expect(parseCommandJson({ ...amend, type: 'CancelOrder' })).toMatchObject({ command: { type: 'CancelOrder' } });
  expect(parseCommandJson(trade)).toMatchObject({ command: { executedAt: 1_610_064_000_278_000 } });
});

test('what will be rejected is a command all the same', () => {
  for (const json of [
    { ...deposit, amount: '0' },
    { ...deposit, amount: '-5' },
    { ...place, symbol: 'BTCUSD' },
  ]) {
    expect(parseCommandJson(json)).toMatchObject({ ok: true });
  }
});

test('what is no object is no command', () => {
  for (const json of [null, undefined, 1, 'DepositFunds', [], [deposit], true]) {
    expect(problemOf(json)).toEqual({ ok: false, field: 'command', rule: 'a JSON object' });
  }
});

test('an unknown or absent type names the types', () => {
  for (const type of [undefined, null, 7, 'placeorder', 'constructor', '']) {
    expect(problemOf({ ...deposit, type })).toMatchObject({
      field: 'type',
      rule: expect.stringContaining('DepositFunds'),
    });
  }
});

test('each field that is missing or of another type is named', () => {
  for (const json of [deposit, place, trade]) {
    for (const field of Object.keys(json).filter((name) => name !== 'type')) {
      expect(problemOf({ ...json, [field]: undefined }).field).toBe(field);
      for (const wrong of [null, 1, true, {}, ['x']]) expect(problemOf({ ...json, [field]: wrong }).field).toBe(field);
      const { [field]: _, ...without } = { ...json } as Record<string, string>;
      expect(problemOf(without)).toMatchObject({ field, rule: expect.stringMatching(/^present: /) });
    }
  }
});

test('a field that the type does not have is named', () => {
  expect(problemOf({ ...deposit, note: 'x' })).toMatchObject({ field: 'note' });
  expect(problemOf({ ...amend, side: 'buy' })).toMatchObject({ field: 'side' });
  expect(problemOf({ ...deposit, ['n'.repeat(5000)]: 1 }).field).toHaveLength(64);
});

test('names of the prototype are fields like any other, and inherited ones are none', () => {
  expect(problemOf(JSON.parse(`{"__proto__":{"amount":"1"},${JSON.stringify(deposit).slice(1)}`))).toMatchObject({
    field: '__proto__',
  });
  expect(problemOf({ ...deposit, constructor: 1 })).toMatchObject({ field: 'constructor' });
  expect(problemOf(Object.create(deposit))).toMatchObject({ field: 'type' });
  expect(Object.hasOwn(Object.prototype, 'amount')).toBe(false);
});

test('an amount has the strict decimal form and a magnitude below 10^20', () => {
  const wrong = [
    '',
    ' 1',
    '1 ',
    '+1',
    '.5',
    '1.',
    '1e3',
    '0x1',
    '1,5',
    'NaN',
    '١',
    `1.${'0'.repeat(19)}`,
    '100000000000000000000',
    `1${'0'.repeat(25)}`,
    '9'.repeat(60_000),
  ];
  for (const amount of wrong) expect(problemOf({ ...deposit, amount }).field).toBe('amount');
  for (const amount of ['-0', '007.50', `1.${'0'.repeat(18)}`, '99999999999999999999.999999999999999999']) {
    expect(parseCommandJson({ ...deposit, amount })).toMatchObject({ ok: true });
  }
});

test('a name, an asset, a symbol and an id outside their alphabet are named', () => {
  expect(problemOf({ ...deposit, userId: 'a b' }).field).toBe('userId');
  expect(problemOf({ ...deposit, userId: 'a\0' }).field).toBe('userId');
  expect(problemOf({ ...deposit, asset: 'usd' }).field).toBe('asset');
  expect(problemOf({ ...place, symbol: 'x'.repeat(65) }).field).toBe('symbol');
  expect(problemOf({ ...place, side: 'BUY' }).field).toBe('side');
  for (const commandId of ['nonsense', '', null, 7])
    expect(problemOf({ ...deposit, commandId }).field).toBe('commandId');
});

test('a command comes back from its JSON as it was', () => {
  for (const json of [deposit, place, amend, { ...amend, price: '1' }, { ...amend, quantity: '2' }, trade]) {
    const parsed = parseCommandJson({ ...json, commandId: id });
    if (!parsed.ok) throw new Error(parsed.rule);
    expect(commandToJson(parsed)).toEqual({ ...json, commandId: id });
    expect(commandToJson({ ...parsed, commandId: null })).toEqual(json);
  }
  const cancel = { type: 'CancelOrder', orderId: 'o', symbol: 'S' } as const;
  expect(commandToJson({ commandId: null, command: cancel })).toEqual(cancel);
});

test('no JSON makes it throw', () => {
  const mutated = fc
    .tuple(fc.constantFrom(deposit, place, amend, trade), fc.dictionary(fc.string(), fc.jsonValue()))
    .map(([json, more]) => ({ ...json, ...more }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), mutated), (json) => {
      const parsed = parseCommandJson(json);
      expect(parsed.ok || (parsed.field.length > 0 && parsed.rule.length > 0) || 'field' in parsed).toBe(true);
    }),
  );
});
