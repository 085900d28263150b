import { expect, test } from 'vitest';
import { DatabaseErrorType } from './error-entry.ts';
import { DATABASE_ERROR_TABLE, DatabaseError } from './errors.ts';
import { SQLSTATES } from './sqlstates.ts';

test('at least sixty SQLSTATEs are known by themselves', () => {
  const states = Object.keys(SQLSTATES).filter((code) => !code.startsWith('TS'));
  expect(states.length).toBeGreaterThanOrEqual(60);
  for (const code of states) expect(code).toMatch(/^[0-9A-Z]{5}$/);
});

test('every code has a type, a class of retry and advice', () => {
  for (const code of Object.keys(DATABASE_ERROR_TABLE)) {
    const error = new DatabaseError(code);
    expect(Object.keys(DatabaseErrorType)).toContain(error.type);
    expect(['now', 'later', 'never', 'settle']).toContain(error.retry);
    expect(error.advice).not.toBe('');
    expect(error.retryable).toBe(error.retry === 'now' || error.retry === 'later');
  }
});

test.each([
  ['08XXX', 'CONNECTION_ERROR', true],
  ['22XXX', 'QUERY_ERROR', false],
  ['23XXX', 'QUERY_ERROR', false],
  ['28XXX', 'CONNECTION_ERROR', false],
  ['40XXX', 'TRANSACTION_ERROR', true],
  ['42XXX', 'QUERY_ERROR', false],
  ['53XXX', 'QUERY_ERROR', true],
  ['54XXX', 'QUERY_ERROR', false],
  ['ZZXXX', 'QUERY_ERROR', true],
])('%s, not listed, has the entry of its class', (code, type, retryable) => {
  expect(new DatabaseError(code)).toMatchObject({ code, type, retryable });
});
