import { expect, test } from 'vitest';
import { altersSession } from './alters-session.ts';

test.each([
  'SET search_path = a',
  '  set session characteristics as transaction read only',
  'RESET ALL',
  'LISTEN news',
  'PREPARE a AS SELECT 1',
  'CREATE TEMP TABLE t (id int)',
  'DECLARE c CURSOR WITH HOLD FOR SELECT 1',
  'SELECT pg_advisory_lock(1)',
  `SELECT set_config('a.b', 'c', false)`,
])('%s alters its session', (text) => {
  expect(altersSession(text)).toBe(true);
});

test.each([
  'SET LOCAL statement_timeout = 1',
  'SET TRANSACTION READ ONLY',
  'SELECT pg_advisory_xact_lock(1)',
  'UPDATE t SET a = 1',
  'CREATE TABLE temp (id int)',
  'DECLARE c CURSOR FOR SELECT 1',
])('%s does not', (text) => {
  expect(altersSession(text)).toBe(false);
});
