import { expect, test } from 'vitest';
import { InMemoryState } from '../in-memory-state.ts';
import { applied, buy, deposited, executed, given, rejected, sell, withdrawn } from './given.ts';

const NEARLY_ALL = '99999999999999999999.999999999999999999';
const LEAST = '0.000000000000000001';

test('a deposit is available at once', () => {
  given()
    .when(deposited('100'))
    .then(applied('FundsDeposited', { 'alice USD': '100 + 0' }));
});

test('deposits of one user and asset add up', () => {
  given(deposited('100'), deposited('7', 'bob'), deposited('3', 'alice', 'BTC'))
    .when(deposited('0.25'))
    .then(applied('FundsDeposited', { 'alice USD': '100.25 + 0' }));
});

test('a deposit that is not above zero has an invalid amount', () => {
  given().when(deposited('0')).then(rejected('INVALID_AMOUNT'));
  given(deposited('5')).when(deposited('-1')).then(rejected('INVALID_AMOUNT'));
});

test('a deposit of nothing on a balance at its limit has an invalid amount', () => {
  given(deposited(NEARLY_ALL)).when(deposited('0')).then(rejected('INVALID_AMOUNT'));
});

test('a balance reaches its limit at 10^20, not before', () => {
  given(deposited('1')).when(deposited('99999999999999999999')).then(rejected('BALANCE_LIMIT'));
  given(deposited(LEAST)).when(deposited(NEARLY_ALL)).then(rejected('BALANCE_LIMIT'));
  given()
    .when(deposited(NEARLY_ALL))
    .then(applied('FundsDeposited', { 'alice USD': `${NEARLY_ALL} + 0` }));
  given(deposited('1'))
    .when(deposited('99999999999999999998.999999999999999999'))
    .then(applied('FundsDeposited', { 'alice USD': `${NEARLY_ALL} + 0` }));
});

test('what is held counts towards the limit of a balance', () => {
  given(deposited('60000000000000000000'), buy('50000000000000000000'))
    .when(deposited('40000000000000000000'))
    .then(rejected('BALANCE_LIMIT'));
});

test('a withdrawal takes from what is available', () => {
  given(deposited('100'))
    .when(withdrawn('100'))
    .then(applied('FundsWithdrawn', { 'alice USD': '0 + 0' }));
  given(deposited('100'), buy('60'))
    .when(withdrawn('39.5'))
    .then(applied('FundsWithdrawn', { 'alice USD': '0.5 + 60' }));
});

test('a withdrawal that is not above zero has an invalid amount, whatever the balance', () => {
  given().when(withdrawn('0')).then(rejected('INVALID_AMOUNT'));
  given(deposited('5')).when(withdrawn('-5')).then(rejected('INVALID_AMOUNT'));
});

test('a withdrawal of more than is available finds insufficient funds', () => {
  given().when(withdrawn(LEAST)).then(rejected('INSUFFICIENT_FUNDS'));
  given(deposited('100')).when(withdrawn('100.000000000000000001')).then(rejected('INSUFFICIENT_FUNDS'));
  given(deposited('100', 'bob')).when(withdrawn('1')).then(rejected('INSUFFICIENT_FUNDS'));
  given(deposited('100', 'alice', 'EUR'))
    .when(withdrawn('1'))
    .then(rejected('INSUFFICIENT_FUNDS'));
});

test('held funds are not withdrawn', () => {
  given(deposited('100'), buy('60')).when(withdrawn('50')).then(rejected('INSUFFICIENT_FUNDS'));
});

test('what a trade brought is withdrawn like what was deposited', () => {
  given(deposited('10'), deposited('4', 'bob', 'BTC'), buy('4', '2'), sell('4', '2'), executed('4', '2'))
    .when(withdrawn('8', 'bob'))
    .then(applied('FundsWithdrawn', { 'bob USD': '0 + 0' }));
});

test('a balance that was never credited reads as zero with version 0', () => {
  expect(new InMemoryState().balance('alice', 'USD')).toEqual({
    userId: 'alice',
    asset: 'USD',
    available: 0n,
    held: 0n,
    version: 0,
  });
});
