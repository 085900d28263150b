import { describe, expect, test } from 'vitest';
import { LIMIT, UNIT } from './amount.ts';
import { checkCommand, commandKey } from './check-command.ts';
import type { TradeCommand } from './commands.ts';

const DEPOSIT = { type: 'DepositFunds', userId: 'alice', asset: 'USD', amount: UNIT } as const;
const WITHDRAWAL = { ...DEPOSIT, type: 'WithdrawFunds' } as const;
const ORDER = {
  type: 'PlaceOrder',
  orderId: 'o',
  userId: 'alice',
  symbol: 'BTC-USD',
  side: 'buy',
  price: UNIT,
  quantity: UNIT,
} as const;
const AMENDMENT = { type: 'AmendOrder', orderId: 'o', symbol: 'BTC-USD', price: UNIT, quantity: UNIT } as const;
const CANCELLATION = { type: 'CancelOrder', orderId: 'o', symbol: 'BTC-USD' } as const;
const TRADE = {
  type: 'ExecuteTrade',
  tradeId: 't',
  symbol: 'BTC-USD',
  buyOrderId: 'b',
  sellOrderId: 's',
  price: UNIT,
  quantity: UNIT,
  executedAt: 0,
} as const;
const COMMANDS: readonly TradeCommand[] = [DEPOSIT, WITHDRAWAL, ORDER, AMENDMENT, CANCELLATION, TRADE];

const ID_FIELDS = ['userId', 'orderId', 'tradeId', 'buyOrderId', 'sellOrderId'] as const;
const AMOUNT_FIELDS = ['amount', 'price', 'quantity'] as const;

/** Each command that has the field, with another value in it. */
function withField(field: string, value: unknown): readonly TradeCommand[] {
  const changed = COMMANDS.filter((command) => field in command).map((command) => ({ ...command, [field]: value }));
  expect(changed.length).toBeGreaterThan(0);
  return changed;
}

function expectMalformed(field: string, value: unknown): void {
  for (const command of withField(field, value)) {
    expect(checkCommand(command), `${command.type} ${field}`).toEqual({ field, rule: expect.stringMatching(/.{10}/) });
  }
}

function expectCommand(field: string, value: unknown): void {
  for (const command of withField(field, value)) expect(checkCommand(command), `${command.type} ${field}`).toBeNull();
}

test('commands within every rule are commands', () => {
  for (const command of COMMANDS) expect(checkCommand(command)).toBeNull();
});

describe.each(ID_FIELDS)('%s', (field) => {
  test('is 1 to 64 characters', () => {
    expectCommand(field, 'x');
    expectCommand(field, 'x'.repeat(64));
    expectMalformed(field, '');
    expectMalformed(field, 'x'.repeat(65));
  });

  test('is of letters, digits and . _ : - alone', () => {
    expectCommand(field, 'AZaz09._:-');
    for (const other of ['a b', 'a/b', 'é', 'a\n', '\na', 'a\u0000', 'a,b', '😀', 'a+b', 'a@b']) {
      expectMalformed(field, other);
    }
  });
});

describe('asset', () => {
  test('is 2 to 12 capitals and digits', () => {
    for (const asset of ['US', 'A1', '42', 'ABCDEFGHIJ12']) expectCommand('asset', asset);
    for (const asset of ['', 'U', 'ABCDEFGHIJKLM', 'usd', 'US-D', 'US ', 'USD\n', 'ÜSD'])
      expectMalformed('asset', asset);
  });
});

describe('symbol', () => {
  test('is 1 to 64 printable ASCII characters; whether it names a pair is for the decision', () => {
    for (const symbol of ['x', ' ', '~', '!', 'btc/usd', 'x'.repeat(64), 'BTC-BTC']) expectCommand('symbol', symbol);
    for (const symbol of ['', 'x'.repeat(65), 'a\u001f', 'a\u007f', 'a\n', 'BTC–USD', '\u0000']) {
      expectMalformed('symbol', symbol);
    }
  });
});

describe.each(AMOUNT_FIELDS)('%s', (field) => {
  test('has a magnitude below 10^20; zero and negative ones are for the decision', () => {
    for (const amount of [LIMIT - 1n, 1n - LIMIT, 0n, -1n]) expectCommand(field, amount);
    for (const amount of [LIMIT, -LIMIT, LIMIT + 1n, 10n ** 60n]) expectMalformed(field, amount);
  });
});

test('an amendment may leave price, quantity or both', () => {
  expect(checkCommand({ ...AMENDMENT, price: null })).toBeNull();
  expect(checkCommand({ ...AMENDMENT, quantity: null })).toBeNull();
  expect(checkCommand({ ...AMENDMENT, price: null, quantity: null })).toBeNull();
});

describe('executedAt', () => {
  test('lies in the years 1970 to 2200', () => {
    expectCommand('executedAt', 0);
    expectCommand('executedAt', Date.parse('2200-12-31T23:59:59.999Z') * 1_000 + 999);
    expectMalformed('executedAt', -1);
    expectMalformed('executedAt', Date.parse('2201-01-01T00:00:00.000Z') * 1_000);
  });

  test('is a whole number of microseconds', () => {
    for (const time of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) expectMalformed('executedAt', time);
  });
});

test('the first field that breaks a rule is named', () => {
  expect(checkCommand({ ...DEPOSIT, userId: '', asset: '', amount: LIMIT })?.field).toBe('userId');
  expect(checkCommand({ ...TRADE, symbol: '', buyOrderId: '', executedAt: -1 })?.field).toBe('symbol');
});

test('the key of funds is their user, of all else the symbol', () => {
  expect(COMMANDS.map(commandKey)).toEqual(['user:alice', 'user:alice', 'BTC-USD', 'BTC-USD', 'BTC-USD', 'BTC-USD']);
});
