import { expect, test } from 'vitest';
import { DatabaseError } from '../errors.ts';
import { decideRetry, isWorthRetrying, RetryBudget } from './decide-retry.ts';

const POLICY = { maxAttempts: 3, baseDelay: 10, maxDelay: 100, budget: 1_000 } as const;

function decide(given: Partial<Parameters<typeof decideRetry>[0]> = {}) {
  return decideRetry({
    error: new DatabaseError('40P01'),
    policy: POLICY,
    attempt: 1,
    elapsedMs: 0,
    lastPauseMs: 0,
    budget: new RetryBudget(),
    random: () => 1,
    ...given,
  });
}

test.each([
  '40001',
  '40P01',
  '40000',
  '55P03',
  'DB_CONNECTION_LOST',
  'DB_CONNECTION_FAILED',
  '57P01',
  '57P03',
  '25006',
  '53300',
])('%s is worth the whole work again', (code) => {
  expect(isWorthRetrying(new DatabaseError(code))).toBe(true);
});

test.each([
  '23505',
  '42P01',
  '22012',
  'DB_POOL_TIMEOUT',
  'DB_STATEMENT_TIMEOUT',
  'DB_COMMIT_UNKNOWN',
  '28P01',
  'DB_TRANSACTION_TIMEOUT',
])('%s is not', (code) => {
  expect(isWorthRetrying(new DatabaseError(code))).toBe(false);
});

test('an error of the application is thrown as it is', () => {
  expect(decide({ error: new Error('no funds') })).toEqual({ kind: 'throw' });
});

test('the pause grows to at most three times the last and never beyond the longest', () => {
  expect(decide()).toEqual({ kind: 'retry', pauseMs: 10 });
  expect(decide({ lastPauseMs: 10 })).toEqual({ kind: 'retry', pauseMs: 30 });
  expect(decide({ lastPauseMs: 90 })).toEqual({ kind: 'retry', pauseMs: 100 });
  expect(decide({ random: () => 0.5 })).toEqual({ kind: 'retry', pauseMs: 5 });
});

test('attempts and time are bounded', () => {
  expect(decide({ attempt: 3 })).toEqual({ kind: 'spent', why: 'attempts' });
  expect(decide({ elapsedMs: 995 })).toEqual({ kind: 'spent', why: 'time' });
});

test('when nothing succeeds the common budget ends the retries', () => {
  const budget = new RetryBudget();
  let retries = 0;
  while (decide({ budget }).kind === 'retry') retries += 1;
  expect(retries).toBe(1_000);
  expect(decide({ budget })).toEqual({ kind: 'spent', why: 'budget' });
  budget.succeeded();
  expect(decide({ budget })).toEqual({ kind: 'retry', pauseMs: 10 });
});
