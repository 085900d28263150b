import { describe, test } from 'vitest';
import { amended, applied, buy, cancelled, deposited, executed, given, rejected, sell } from './given.ts';

const LEAST = '0.000000000000000001';
const HALF_FILLED = [
  deposited('100'),
  deposited('10', 'bob', 'BTC'),
  buy('10', '5'),
  sell('10', '5'),
  executed('4', '5'),
] as const;

describe('PlaceOrder', () => {
  test('a buy holds its cost of the quote asset', () => {
    given(deposited('100'))
      .when(buy('3', '20'))
      .then(applied('OrderPlaced', { 'alice USD': '40 + 60' }, { b: '0 of 3 at 20, holds 60, open' }));
  });

  test('a sell holds its quantity of the base asset', () => {
    given(deposited('5', 'bob', 'BTC'))
      .when(sell('3', '20'))
      .then(applied('OrderPlaced', { 'bob BTC': '2 + 3' }, { s: '0 of 3 at 20, holds 3, open' }));
  });

  test('the hold of a buy is rounded up', () => {
    given(deposited(LEAST))
      .when(buy('0.000000001', '0.0000000001'))
      .then(
        applied(
          'OrderPlaced',
          { 'alice USD': `0 + ${LEAST}` },
          { b: `0 of 0.000000001 at 0.0000000001, holds ${LEAST}, open` },
        ),
      );
    given(deposited('1'))
      .when(buy('0.000000000000000003', '0.5'))
      .then(
        applied(
          'OrderPlaced',
          { 'alice USD': '0.999999999999999998 + 0.000000000000000002' },
          { b: '0 of 0.000000000000000003 at 0.5, holds 0.000000000000000002, open' },
        ),
      );
  });

  test('a hold that is exact is not rounded', () => {
    given(deposited('1'))
      .when(buy('0.000000000000000004', '0.5'))
      .then(
        applied(
          'OrderPlaced',
          { 'alice USD': '0.999999999999999998 + 0.000000000000000002' },
          { b: '0 of 0.000000000000000004 at 0.5, holds 0.000000000000000002, open' },
        ),
      );
  });

  test('held funds are not held twice', () => {
    given(deposited('100'), buy('60'))
      .when(buy('50', '1', { orderId: 'b2' }))
      .then(rejected('INSUFFICIENT_FUNDS'));
    given(deposited('100'), buy('60'))
      .when(buy('40', '1', { orderId: 'b2' }))
      .then(applied('OrderPlaced', { 'alice USD': '0 + 100' }, { b2: '0 of 40 at 1, holds 40, open' }));
  });

  test('a buy is refused when only its rounded hold exceeds what is available', () => {
    given(deposited('0.000000000000000001'))
      .when(buy('0.000000000000000003', '0.5'))
      .then(rejected('INSUFFICIENT_FUNDS'));
  });

  test('a sell needs the base asset, a buy the quote asset', () => {
    given(deposited('100', 'bob', 'USD'))
      .when(sell('1'))
      .then(rejected('INSUFFICIENT_FUNDS'));
    given(deposited('100', 'alice', 'BTC'))
      .when(buy('1'))
      .then(rejected('INSUFFICIENT_FUNDS'));
  });

  test('a hold beyond every balance finds insufficient funds', () => {
    given(deposited('99999999999999999999'))
      .when(buy('99999999999999999999', '99999999999999999999'))
      .then(rejected('INSUFFICIENT_FUNDS'));
  });

  test('a symbol is two different assets of 2 to 12 capitals and digits', () => {
    const wrong = ['BTC', 'BTC-', '-USD', 'B-USD', 'BTC-U', 'btc-USD', 'BTC_USD', 'BTC-USD-X', 'BTC-BTC', 'BTC -USD'];
    for (const symbol of [...wrong, 'ABCDEFGHIJKLM-USD', 'BTC-ABCDEFGHIJKLM']) {
      given(deposited('1'))
        .when(buy('1', '1', { symbol }))
        .then(rejected('INVALID_SYMBOL'));
    }
    given(deposited('1', 'alice', 'Z9'))
      .when(buy('1', '1', { symbol: 'ABCDEFGHIJ12-Z9' }))
      .then(applied('OrderPlaced', { 'alice Z9': '0 + 1' }, { b: '0 of 1 at 1, holds 1, open' }));
  });

  test('price and quantity must be above zero', () => {
    for (const [quantity, price] of [
      ['0', '1'],
      ['-1', '1'],
      ['1', '0'],
      ['1', '-1'],
      ['-1', '-1'],
    ] as const) {
      given(deposited('100')).when(buy(quantity, price)).then(rejected('INVALID_AMOUNT'));
    }
  });

  test('an order id is used once, by anyone, under any symbol, in any status', () => {
    const again = buy('1', '1', { symbol: 'ETH-USD' });
    given(deposited('100'), buy('1')).when(again).then(rejected('DUPLICATE_ORDER'));
    given(deposited('100'), buy('1'), cancelled('b')).when(again).then(rejected('DUPLICATE_ORDER'));
    given(...HALF_FILLED)
      .when(again)
      .then(rejected('DUPLICATE_ORDER'));
    given(...HALF_FILLED, executed('6', '5', { tradeId: 't2' }))
      .when(again)
      .then(rejected('DUPLICATE_ORDER'));
    given(deposited('100'), deposited('1', 'bob', 'BTC'), buy('1'))
      .when(sell('1', '1', { orderId: 'b' }))
      .then(rejected('DUPLICATE_ORDER'));
  });

  test('an order id that was only refused is free', () => {
    given(deposited('1')).when(buy('2')).then(rejected('INSUFFICIENT_FUNDS'));
    given(deposited('1'))
      .when(buy('1'))
      .then(applied('OrderPlaced', { 'alice USD': '0 + 1' }, { b: '0 of 1 at 1, holds 1, open' }));
  });

  test('INVALID_SYMBOL comes before INVALID_AMOUNT', () => {
    given()
      .when(buy('0', '1', { symbol: 'BTC' }))
      .then(rejected('INVALID_SYMBOL'));
  });

  test('INVALID_AMOUNT comes before DUPLICATE_ORDER', () => {
    given(deposited('1'), buy('1')).when(buy('1', '0')).then(rejected('INVALID_AMOUNT'));
  });

  test('DUPLICATE_ORDER comes before INSUFFICIENT_FUNDS', () => {
    given(deposited('1'), buy('1')).when(buy('1')).then(rejected('DUPLICATE_ORDER'));
  });
});

describe('AmendOrder', () => {
  test('a dearer buy holds the difference', () => {
    given(deposited('100'), buy('3', '20'))
      .when(amended('b', { price: '30' }))
      .then(applied('OrderAmended', { 'alice USD': '10 + 90' }, { b: '0 of 3 at 30, holds 90, open' }));
  });

  test('a smaller buy frees the difference', () => {
    given(deposited('100'), buy('3', '20'))
      .when(amended('b', { quantity: '1' }))
      .then(applied('OrderAmended', { 'alice USD': '80 + 20' }, { b: '0 of 1 at 20, holds 20, open' }));
  });

  test('price and quantity change together, also when the hold stays', () => {
    given(deposited('60'), buy('3', '20'))
      .when(amended('b', { quantity: '6', price: '10' }))
      .then(applied('OrderAmended', { 'alice USD': '0 + 60' }, { b: '0 of 6 at 10, holds 60, open' }));
  });

  test('a sell holds what remains of its new quantity, whatever its price', () => {
    given(deposited('5', 'bob', 'BTC'), sell('3', '20'))
      .when(amended('s', { quantity: '5', price: '1' }))
      .then(applied('OrderAmended', { 'bob BTC': '0 + 5' }, { s: '0 of 5 at 1, holds 5, open' }));
    given(deposited('5', 'bob', 'BTC'), sell('3', '20'))
      .when(amended('s', { price: '7' }))
      .then(applied('OrderAmended', { 'bob BTC': '2 + 3' }, { s: '0 of 3 at 7, holds 3, open' }));
  });

  test('the new hold of a buy is that of what remains, and the status stays', () => {
    given(...HALF_FILLED)
      .when(amended('b', { quantity: '5', price: '3' }))
      .then(applied('OrderAmended', { 'alice USD': '77 + 3' }, { b: '4 of 5 at 3, holds 3, partially_filled' }));
  });

  test('the new hold is rounded up anew, from price and what remains', () => {
    given(deposited('1'), buy('0.000000000000000003', '0.5'))
      .when(amended('b', { quantity: '0.000000000000000001' }))
      .then(
        applied(
          'OrderAmended',
          { 'alice USD': '0.999999999999999999 + 0.000000000000000001' },
          { b: '0 of 0.000000000000000001 at 0.5, holds 0.000000000000000001, open' },
        ),
      );
  });

  test('one given value may be the present one when the other differs', () => {
    given(deposited('100'), buy('3', '20'))
      .when(amended('b', { quantity: '3', price: '10' }))
      .then(applied('OrderAmended', { 'alice USD': '70 + 30' }, { b: '0 of 3 at 10, holds 30, open' }));
  });

  test('a given value must be above zero', () => {
    for (const deal of [{ price: '0' }, { price: '-1' }, { quantity: '0' }, { quantity: '-1' }]) {
      given(deposited('100'), buy('3')).when(amended('b', deal)).then(rejected('INVALID_AMOUNT'));
      given(deposited('100'), buy('3'))
        .when(amended('b', { price: '2', quantity: '2', ...deal }))
        .then(rejected('INVALID_AMOUNT'));
    }
  });

  test('an order that was never accepted is unknown', () => {
    given(deposited('100'), buy('3'))
      .when(amended('x', { price: '2' }))
      .then(rejected('UNKNOWN_ORDER'));
  });

  test('the symbol must be that of the order', () => {
    given(deposited('100'), buy('3'))
      .when(amended('b', { price: '2' }, 'ETH-USD'))
      .then(rejected('SYMBOL_MISMATCH'));
    given(deposited('100'), buy('3'))
      .when(amended('b', { price: '2' }, 'no symbol'))
      .then(rejected('SYMBOL_MISMATCH'));
  });

  test('a cancelled or filled order is not open', () => {
    given(deposited('100'), buy('3'), cancelled('b'))
      .when(amended('b', { price: '2' }))
      .then(rejected('ORDER_NOT_OPEN'));
    given(...HALF_FILLED, executed('6', '5', { tradeId: 't2' }))
      .when(amended('b', { quantity: '20' }))
      .then(rejected('ORDER_NOT_OPEN'));
  });

  test('an amendment in which no given value differs changes nothing', () => {
    for (const deal of [{}, { price: '20' }, { quantity: '3' }, { price: '20', quantity: '3' }]) {
      given(deposited('100'), buy('3', '20')).when(amended('b', deal)).then(rejected('NOTHING_TO_CHANGE'));
    }
  });

  test('the new quantity must be above what is filled', () => {
    given(...HALF_FILLED)
      .when(amended('b', { quantity: '4' }))
      .then(rejected('QUANTITY_BELOW_FILLED'));
    given(...HALF_FILLED)
      .when(amended('s', { quantity: '3' }))
      .then(rejected('QUANTITY_BELOW_FILLED'));
    given(...HALF_FILLED)
      .when(amended('s', { quantity: '4.000000000000000001' }))
      .then(
        applied(
          'OrderAmended',
          { 'bob BTC': '5.999999999999999999 + 0.000000000000000001' },
          { s: '4 of 4.000000000000000001 at 5, holds 0.000000000000000001, partially_filled' },
        ),
      );
  });

  test('the difference must be available', () => {
    given(deposited('100'), buy('3', '20'))
      .when(amended('b', { quantity: '6' }))
      .then(rejected('INSUFFICIENT_FUNDS'));
    given(deposited('5', 'bob', 'BTC'), sell('3'))
      .when(amended('s', { quantity: '6' }))
      .then(rejected('INSUFFICIENT_FUNDS'));
    given(deposited('100'), buy('3', '20'))
      .when(amended('b', { quantity: '5' }))
      .then(applied('OrderAmended', { 'alice USD': '0 + 100' }, { b: '0 of 5 at 20, holds 100, open' }));
  });

  test('INVALID_AMOUNT comes before UNKNOWN_ORDER', () => {
    given()
      .when(amended('x', { price: '0' }))
      .then(rejected('INVALID_AMOUNT'));
  });

  test('UNKNOWN_ORDER comes before SYMBOL_MISMATCH', () => {
    given()
      .when(amended('x', { price: '1' }, 'no symbol'))
      .then(rejected('UNKNOWN_ORDER'));
  });

  test('SYMBOL_MISMATCH comes before ORDER_NOT_OPEN', () => {
    given(deposited('3'), buy('3'), cancelled('b'))
      .when(amended('b', { price: '2' }, 'ETH-USD'))
      .then(rejected('SYMBOL_MISMATCH'));
  });

  test('ORDER_NOT_OPEN comes before NOTHING_TO_CHANGE', () => {
    given(deposited('3'), buy('3'), cancelled('b')).when(amended('b', {})).then(rejected('ORDER_NOT_OPEN'));
  });

  test('ORDER_NOT_OPEN comes before QUANTITY_BELOW_FILLED', () => {
    given(...HALF_FILLED, cancelled('b'))
      .when(amended('b', { quantity: '1' }))
      .then(rejected('ORDER_NOT_OPEN'));
  });

  test('QUANTITY_BELOW_FILLED comes before INSUFFICIENT_FUNDS', () => {
    given(...HALF_FILLED)
      .when(amended('b', { quantity: '4', price: '99999999999999999999' }))
      .then(rejected('QUANTITY_BELOW_FILLED'));
  });
});

describe('CancelOrder', () => {
  test('the hold of a buy is available again', () => {
    given(deposited('100'), buy('3', '20'))
      .when(cancelled('b'))
      .then(applied('OrderCancelled', { 'alice USD': '100 + 0' }, { b: '0 of 3 at 20, holds 0, cancelled' }));
  });

  test('the hold of a sell is available again', () => {
    given(deposited('5', 'bob', 'BTC'), sell('3', '20'))
      .when(cancelled('s'))
      .then(applied('OrderCancelled', { 'bob BTC': '5 + 0' }, { s: '0 of 3 at 20, holds 0, cancelled' }));
  });

  test('of a partially filled order only what remains is freed', () => {
    given(...HALF_FILLED)
      .when(cancelled('b'))
      .then(applied('OrderCancelled', { 'alice USD': '80 + 0' }, { b: '4 of 10 at 5, holds 0, cancelled' }));
  });

  test('the holds of other orders stay', () => {
    given(deposited('100'), buy('3', '20'), buy('1', '7', { orderId: 'b2' }))
      .when(cancelled('b'))
      .then(applied('OrderCancelled', { 'alice USD': '93 + 7' }, { b: '0 of 3 at 20, holds 0, cancelled' }));
  });

  test('an order that was never accepted is unknown', () => {
    given().when(cancelled('b')).then(rejected('UNKNOWN_ORDER'));
  });

  test('the symbol must be that of the order', () => {
    given(deposited('3'), buy('3')).when(cancelled('b', 'BTC-EUR')).then(rejected('SYMBOL_MISMATCH'));
  });

  test('an order is cancelled once, and never after it is filled', () => {
    given(deposited('3'), buy('3'), cancelled('b')).when(cancelled('b')).then(rejected('ORDER_NOT_OPEN'));
    given(...HALF_FILLED, executed('6', '5', { tradeId: 't2' }))
      .when(cancelled('s'))
      .then(rejected('ORDER_NOT_OPEN'));
  });

  test('UNKNOWN_ORDER comes before SYMBOL_MISMATCH', () => {
    given().when(cancelled('b', 'no symbol')).then(rejected('UNKNOWN_ORDER'));
  });

  test('SYMBOL_MISMATCH comes before ORDER_NOT_OPEN', () => {
    given(deposited('3'), buy('3'), cancelled('b')).when(cancelled('b', 'ETH-USD')).then(rejected('SYMBOL_MISMATCH'));
  });
});
