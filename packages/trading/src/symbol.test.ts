import { expect, test } from 'vitest';
import { pairOf } from './symbol.ts';

test('a symbol is its base and its quote', () => {
  expect(pairOf('BTC-USD')).toEqual({ base: 'BTC', quote: 'USD' });
  expect(pairOf('1INCH-U2')).toEqual({ base: '1INCH', quote: 'U2' });
});

test('what was asked before is answered the same', () => {
  expect([pairOf('ETH-EUR'), pairOf('ETH-EUR')]).toEqual(Array(2).fill({ base: 'ETH', quote: 'EUR' }));
  expect([pairOf('ETH-ETH'), pairOf('ETH-ETH')]).toEqual([null, null]);
});

test('answers stay right when more symbols were asked than are kept', () => {
  for (let index = 0; index < 10_050; index += 1) {
    expect(pairOf(`A${index}-B${index}`)).toEqual({ base: `A${index}`, quote: `B${index}` });
  }
  expect(pairOf('A1-B1')).toEqual({ base: 'A1', quote: 'B1' });
  expect(pairOf('A1-A1')).toBeNull();
});
