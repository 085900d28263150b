import { describe, test } from 'vitest';
import type { TradeCommand } from '../commands.ts';
import { amended, applied, buy, cancelled, deposited, executed, given, rejected, sell } from './given.ts';

const FUNDS = [deposited('100'), deposited('10', 'bob', 'BTC')] as const;
const MATCH = [...FUNDS, buy('10', '5'), sell('10', '5')] as const;
const ALL_BUT_ONE = '99999999999999999999';

describe('ExecuteTrade', () => {
  test('the buyer pays from the hold and gets the base, the seller gets the quote', () => {
    given(...MATCH)
      .when(executed('4', '5'))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '50 + 30', 'alice BTC': '4 + 0', 'bob BTC': '0 + 6', 'bob USD': '20 + 0' },
          { b: '4 of 10 at 5, holds 30, partially_filled', s: '4 of 10 at 5, holds 6, partially_filled' },
          '20',
        ),
      );
  });

  test('orders that nothing remains of are filled and hold nothing', () => {
    given(...MATCH, executed('4', '5'))
      .when(executed('6', '5', { tradeId: 't2' }))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '50 + 0', 'alice BTC': '10 + 0', 'bob BTC': '0 + 0', 'bob USD': '50 + 0' },
          { b: '10 of 10 at 5, holds 0, filled', s: '10 of 10 at 5, holds 0, filled' },
          '30',
        ),
      );
  });

  test('one order may be filled while the other is not', () => {
    given(...FUNDS, buy('10', '5'), sell('4', '5'))
      .when(executed('4', '5'))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '50 + 30', 'alice BTC': '4 + 0', 'bob BTC': '6 + 0', 'bob USD': '20 + 0' },
          { b: '4 of 10 at 5, holds 30, partially_filled', s: '4 of 4 at 5, holds 0, filled' },
          '20',
        ),
      );
  });

  test('below the price of the buy the buyer gets the difference back', () => {
    given(...FUNDS, buy('10', '5'), sell('10', '2'))
      .when(executed('10', '3'))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '70 + 0', 'alice BTC': '10 + 0', 'bob BTC': '0 + 0', 'bob USD': '30 + 0' },
          { b: '10 of 10 at 5, holds 0, filled', s: '10 of 10 at 2, holds 0, filled' },
          '30',
        ),
      );
  });

  test('both limits belong to the prices that are allowed', () => {
    const match = [...FUNDS, buy('10', '5'), sell('10', '2')];
    given(...match)
      .when(executed('10', '5'))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '50 + 0', 'alice BTC': '10 + 0', 'bob BTC': '0 + 0', 'bob USD': '50 + 0' },
          { b: '10 of 10 at 5, holds 0, filled', s: '10 of 10 at 2, holds 0, filled' },
          '50',
        ),
      );
    given(...match)
      .when(executed('10', '2'))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '80 + 0', 'alice BTC': '10 + 0', 'bob BTC': '0 + 0', 'bob USD': '20 + 0' },
          { b: '10 of 10 at 5, holds 0, filled', s: '10 of 10 at 2, holds 0, filled' },
          '20',
        ),
      );
  });

  test('the cost is rounded down, and both sides book the same', () => {
    const price = '0.5';
    given(deposited('1'), deposited('1', 'bob', 'BTC'), buy('1', price), sell('1', price))
      .when(executed('0.000000000000000003', price))
      .then(
        applied(
          'TradeExecuted',
          {
            'alice USD': '0.5 + 0.499999999999999999',
            'alice BTC': '0.000000000000000003 + 0',
            'bob BTC': '0 + 0.999999999999999997',
            'bob USD': '0.000000000000000001 + 0',
          },
          {
            b: '0.000000000000000003 of 1 at 0.5, holds 0.499999999999999999, partially_filled',
            s: '0.000000000000000003 of 1 at 0.5, holds 0.999999999999999997, partially_filled',
          },
          '0.000000000000000001',
        ),
      );
  });

  test('a trade may cost nothing', () => {
    const tiny = '0.000000000000000001';
    given(deposited('1'), deposited('1', 'bob', 'BTC'), buy(tiny, '0.5'), sell(tiny, '0.5'))
      .when(executed(tiny, '0.5'))
      .then(
        applied(
          'TradeExecuted',
          {
            'alice USD': '1 + 0',
            'alice BTC': `${tiny} + 0`,
            'bob BTC': `0.999999999999999999 + 0`,
            'bob USD': '0 + 0',
          },
          { b: `${tiny} of ${tiny} at 0.5, holds 0, filled`, s: `${tiny} of ${tiny} at 0.5, holds 0, filled` },
          '0',
        ),
      );
  });

  test('what an amendment left is what is filled and freed', () => {
    given(...MATCH, executed('4', '5'), amended('b', { price: '8', quantity: '6' }))
      .when(executed('2', '5', { tradeId: 't2' }))
      .then(
        applied(
          'TradeExecuted',
          { 'alice USD': '70 + 0', 'alice BTC': '6 + 0', 'bob BTC': '0 + 4', 'bob USD': '30 + 0' },
          { b: '6 of 6 at 8, holds 0, filled', s: '6 of 10 at 5, holds 4, partially_filled' },
          '10',
        ),
      );
  });

  test('a trade id is used once for each symbol', () => {
    given(...MATCH, executed('4', '5'))
      .when(executed('4', '5'))
      .then(rejected('DUPLICATE_TRADE'));
    const euros = { symbol: 'BTC-EUR' };
    given(
      ...MATCH,
      executed('4', '5'),
      deposited('9', 'alice', 'EUR'),
      deposited('1', 'bob', 'BTC'),
      buy('1', '9', { ...euros, orderId: 'b2' }),
      sell('1', '9', { ...euros, orderId: 's2' }),
    )
      .when(executed('1', '9', { ...euros, buyOrderId: 'b2', sellOrderId: 's2' }))
      .then(
        applied(
          'TradeExecuted',
          { 'alice EUR': '0 + 0', 'alice BTC': '5 + 0', 'bob BTC': '0 + 6', 'bob EUR': '9 + 0' },
          { b2: '1 of 1 at 9, holds 0, filled', s2: '1 of 1 at 9, holds 0, filled' },
          '9',
        ),
      );
  });
});

describe('each reason that refuses a trade', () => {
  test('INVALID_SYMBOL: the symbol is none', () => {
    given(...MATCH)
      .when(executed('1', '5', { symbol: 'BTCUSD' }))
      .then(rejected('INVALID_SYMBOL'));
  });

  test('INVALID_AMOUNT: price or quantity is not above zero', () => {
    given(...MATCH)
      .when(executed('0', '5'))
      .then(rejected('INVALID_AMOUNT'));
    given(...MATCH)
      .when(executed('-1', '5'))
      .then(rejected('INVALID_AMOUNT'));
    given(...MATCH)
      .when(executed('1', '0'))
      .then(rejected('INVALID_AMOUNT'));
    given(...MATCH)
      .when(executed('1', '-5'))
      .then(rejected('INVALID_AMOUNT'));
  });

  test('UNKNOWN_ORDER: one of the orders was never accepted', () => {
    given(...MATCH)
      .when(executed('1', '5', { buyOrderId: 'x' }))
      .then(rejected('UNKNOWN_ORDER'));
    given(...MATCH)
      .when(executed('1', '5', { sellOrderId: 'x' }))
      .then(rejected('UNKNOWN_ORDER'));
  });

  test('SYMBOL_MISMATCH: one of the orders has another symbol', () => {
    const other = [...MATCH, deposited('9', 'alice', 'EUR'), deposited('9', 'bob', 'ETH')];
    given(...other, buy('1', '9', { symbol: 'BTC-EUR', orderId: 'b2' }))
      .when(executed('1', '5', { buyOrderId: 'b2' }))
      .then(rejected('SYMBOL_MISMATCH'));
    given(...other, sell('1', '5', { symbol: 'ETH-USD', orderId: 's2' }))
      .when(executed('1', '5', { sellOrderId: 's2' }))
      .then(rejected('SYMBOL_MISMATCH'));
    given(...other)
      .when(executed('1', '5', { symbol: 'ETH-USD' }))
      .then(rejected('SYMBOL_MISMATCH'));
  });

  test('SIDE_MISMATCH: the buy order sells, or the sell order buys', () => {
    given(...MATCH)
      .when(executed('1', '5', { buyOrderId: 's', sellOrderId: 'b' }))
      .then(rejected('SIDE_MISMATCH'));
    given(...MATCH)
      .when(executed('1', '5', { sellOrderId: 'b' }))
      .then(rejected('SIDE_MISMATCH'));
    given(...MATCH)
      .when(executed('1', '5', { buyOrderId: 's' }))
      .then(rejected('SIDE_MISMATCH'));
  });

  test('SELF_TRADE: both orders are of one user', () => {
    given(...MATCH, deposited('1', 'alice', 'BTC'), sell('1', '5', { userId: 'alice', orderId: 's2' }))
      .when(executed('1', '5', { sellOrderId: 's2' }))
      .then(rejected('SELF_TRADE'));
  });

  test('ORDER_NOT_OPEN: one of the orders is cancelled or filled', () => {
    given(...MATCH, cancelled('b'))
      .when(executed('1', '5'))
      .then(rejected('ORDER_NOT_OPEN'));
    given(...MATCH, cancelled('s'))
      .when(executed('1', '5'))
      .then(rejected('ORDER_NOT_OPEN'));
    given(...FUNDS, buy('1', '5'), sell('10', '5'), executed('1', '5'))
      .when(executed('1', '5', { tradeId: 't2' }))
      .then(rejected('ORDER_NOT_OPEN'));
  });

  test('PRICE_OUTSIDE_LIMIT: above the price of the buy, or below that of the sell', () => {
    given(...MATCH)
      .when(executed('1', '5.000000000000000001'))
      .then(rejected('PRICE_OUTSIDE_LIMIT'));
    given(...MATCH)
      .when(executed('1', '4.999999999999999999'))
      .then(rejected('PRICE_OUTSIDE_LIMIT'));
    given(...FUNDS, buy('10', '5'), sell('10', '6'))
      .when(executed('1', '5'))
      .then(rejected('PRICE_OUTSIDE_LIMIT'));
  });

  test('QUANTITY_EXCEEDS_REMAINING: more than remains of either order', () => {
    given(...MATCH)
      .when(executed('10.000000000000000001', '5'))
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
    given(...FUNDS, buy('3', '5'), sell('10', '5'))
      .when(executed('4', '5'))
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
    given(...FUNDS, buy('10', '5'), sell('3', '5'))
      .when(executed('4', '5'))
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
    const second = executed('7', '5', { tradeId: 't2' });
    given(...MATCH, executed('4', '5'))
      .when(second)
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
    const fresh = [deposited('90', 'cy', 'BTC'), sell('8', '5', { userId: 'cy', orderId: 's2' })];
    given(...MATCH, executed('4', '5'), ...fresh)
      .when({ ...second, sellOrderId: 's2' })
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
    const another = [deposited('90', 'cy'), buy('8', '5', { userId: 'cy', orderId: 'b2' })];
    given(...MATCH, executed('4', '5'), ...another)
      .when({ ...second, buyOrderId: 'b2' })
      .then(rejected('QUANTITY_EXCEEDS_REMAINING'));
  });

  test("BALANCE_LIMIT: the buyer's base would reach 10^20", () => {
    const full = [...MATCH, deposited(ALL_BUT_ONE, 'alice', 'BTC')];
    given(...full)
      .when(executed('1', '5'))
      .then(rejected('BALANCE_LIMIT'));
    given(...full)
      .when(executed('0.999999999999999999', '5'))
      .then(
        applied(
          'TradeExecuted',
          {
            'alice USD': '50 + 45.000000000000000005',
            'alice BTC': '99999999999999999999.999999999999999999 + 0',
            'bob BTC': '0 + 9.000000000000000001',
            'bob USD': '4.999999999999999995 + 0',
          },
          {
            b: '0.999999999999999999 of 10 at 5, holds 45.000000000000000005, partially_filled',
            s: '0.999999999999999999 of 10 at 5, holds 9.000000000000000001, partially_filled',
          },
          '4.999999999999999995',
        ),
      );
  });

  test("BALANCE_LIMIT: the seller's quote would reach 10^20, what is held included", () => {
    given(...MATCH, deposited(ALL_BUT_ONE, 'bob'))
      .when(executed('1', '5'))
      .then(rejected('BALANCE_LIMIT'));
    given(...MATCH, deposited(ALL_BUT_ONE, 'bob'), buy('1', ALL_BUT_ONE, { userId: 'bob', orderId: 'b2' }))
      .when(executed('0.2', '5'))
      .then(rejected('BALANCE_LIMIT'));
  });

  test('the moves between available and held of one balance have no limit', () => {
    given(deposited('99999999999999999999.999999999999999999'))
      .when(buy('99999999999999999999.999999999999999999'))
      .then(
        applied(
          'OrderPlaced',
          { 'alice USD': '0 + 99999999999999999999.999999999999999999' },
          {
            b: '0 of 99999999999999999999.999999999999999999 at 1, holds 99999999999999999999.999999999999999999, open',
          },
        ),
      );
  });
});

describe('of two reasons that apply the earlier refuses', () => {
  const bobsBuy = buy('1', '5', { userId: 'bob', orderId: 'b2' });
  const cases: readonly {
    readonly earlier: Parameters<typeof rejected>[0];
    readonly later: string;
    readonly history: readonly TradeCommand[];
    readonly command: TradeCommand;
  }[] = [
    {
      earlier: 'INVALID_SYMBOL',
      later: 'INVALID_AMOUNT',
      history: MATCH,
      command: executed('0', '5', { symbol: 'X' }),
    },
    {
      earlier: 'INVALID_AMOUNT',
      later: 'DUPLICATE_TRADE',
      history: [...MATCH, executed('1', '5')],
      command: executed('0', '5'),
    },
    {
      earlier: 'DUPLICATE_TRADE',
      later: 'UNKNOWN_ORDER',
      history: [...MATCH, executed('1', '5')],
      command: executed('1', '5', { buyOrderId: 'x', sellOrderId: 'y' }),
    },
    {
      earlier: 'UNKNOWN_ORDER',
      later: 'SYMBOL_MISMATCH',
      history: MATCH,
      command: executed('1', '5', { buyOrderId: 'x', symbol: 'ETH-USD' }),
    },
    {
      earlier: 'SYMBOL_MISMATCH',
      later: 'SIDE_MISMATCH',
      history: MATCH,
      command: executed('1', '5', { buyOrderId: 's', sellOrderId: 'b', symbol: 'ETH-USD' }),
    },
    {
      earlier: 'SIDE_MISMATCH',
      later: 'SELF_TRADE',
      history: MATCH,
      command: executed('1', '5', { sellOrderId: 'b' }),
    },
    {
      earlier: 'SELF_TRADE',
      later: 'ORDER_NOT_OPEN',
      history: [...MATCH, deposited('5', 'bob'), bobsBuy, cancelled('b2')],
      command: executed('1', '5', { buyOrderId: 'b2' }),
    },
    {
      earlier: 'ORDER_NOT_OPEN',
      later: 'PRICE_OUTSIDE_LIMIT',
      history: [...MATCH, cancelled('s')],
      command: executed('1', '6'),
    },
    {
      earlier: 'PRICE_OUTSIDE_LIMIT',
      later: 'QUANTITY_EXCEEDS_REMAINING',
      history: MATCH,
      command: executed('11', '6'),
    },
    {
      earlier: 'QUANTITY_EXCEEDS_REMAINING',
      later: 'BALANCE_LIMIT',
      history: [...MATCH, deposited(ALL_BUT_ONE, 'alice', 'BTC')],
      command: executed('11', '5'),
    },
  ];

  test.each(cases)('$earlier comes before $later', ({ earlier, history, command }) => {
    given(...history)
      .when(command)
      .then(rejected(earlier));
  });
});
