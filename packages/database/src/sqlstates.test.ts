import { describe, expect, test } from 'vitest';
import { DATABASE_ERROR_TABLE, DATABASE_ERRORS, DatabaseError } from './errors.ts';
import { SQLSTATES, sqlstateEntry } from './sqlstates.ts';

function classOf(code: string): string {
  const { type, retry } = sqlstateEntry(code);
  return `${type} ${retry}`;
}

describe('what the transaction loop rests on', () => {
  test('deadlock, serialization and lock timeout are tried again now', () => {
    for (const code of ['40001', '40P01', '55P03', '40000']) expect(classOf(code), code).toBe('TRANSACTION_ERROR now');
  });

  test('a stale value is tried again now, a fence never, a moved offset is settled', () => {
    expect([sqlstateEntry('TS001').retry, sqlstateEntry('TS002').retry, sqlstateEntry('TS003').retry]).toEqual([
      'never',
      'settle',
      'now',
    ]);
  });

  test('connections that are refused, ended or lost are tried later', () => {
    for (const code of ['08000', '08003', '08006', '08001', '57P01', '57P02', '57P03', '53300', '25P03']) {
      expect(classOf(code), code).toBe('CONNECTION_ERROR later');
    }
  });

  test('a server that is read only is no primary', () => {
    expect(classOf('25006')).toBe('REPLICATION_ERROR later');
  });

  test('a lack of resources is tried later', () => {
    for (const code of ['53000', '53100', '53200']) expect(sqlstateEntry(code).retry, code).toBe('later');
  });

  test('what fails alone fails always', () => {
    for (const code of ['22003', '22P02', '22012', '23502', '23503', '23505', '23514', '42601', '42P01', '54000']) {
      expect(sqlstateEntry(code).retry, code).toBe('never');
    }
  });
});

test('a state that is not listed takes the class of its first two characters', () => {
  expect(
    ['08XXX', '22XXX', '23XXX', '42XXX', '54XXX', '53XXX', '40XXX'].map((code) => sqlstateEntry(code).retry),
  ).toEqual(['later', 'never', 'never', 'never', 'never', 'later', 'now']);
});

test('a state that nobody knows is tried later and named', () => {
  expect(sqlstateEntry('ZZ123')).toMatchObject({ retry: 'later', summary: expect.stringContaining('ZZ123') });
});

test('names that every object has are no states', () => {
  for (const code of ['constructor', 'toString', '__proto__']) expect(sqlstateEntry(code).retry).toBe('later');
});

test('every entry says what happened and what to do', () => {
  for (const [code, entry] of Object.entries(DATABASE_ERROR_TABLE)) {
    expect(entry.summary.length, code).toBeGreaterThan(5);
    expect(entry.advice.length, code).toBeGreaterThan(5);
  }
  expect(Object.keys(SQLSTATES).filter((code) => !/^[0-9A-Z]{5}$/.test(code))).toEqual([]);
});

test('an error carries type and retry class of its code, ours and the server’s', () => {
  expect(new DatabaseError('40P01')).toMatchObject({ code: '40P01', type: 'TRANSACTION_ERROR', retry: 'now' });
  for (const [code, entry] of Object.entries(DATABASE_ERRORS)) {
    expect(new DatabaseError(code)).toMatchObject({ code, type: entry.type, retry: entry.retry, advice: entry.advice });
  }
});
