import { expect, test } from 'vitest';
import { choosePending, type MigrationFile } from './migration-files.ts';

function file(name: string, sha256 = `hash of ${name}`): MigrationFile {
  return { name, sha256, sql: 'SELECT 1' };
}

const [ONE, TWO, THREE] = [file('0001_a.sql'), file('0002_b.sql'), file('0003_c.sql')];

function refusal(detail: string): unknown {
  return expect.objectContaining({
    code: 'DB_MIGRATION_REFUSED',
    retry: 'never',
    message: expect.stringContaining(detail),
  });
}

test('what did not run yet is pending, in its order', () => {
  expect(choosePending([ONE, TWO, THREE], [])).toEqual([ONE, TWO, THREE]);
  expect(choosePending([ONE, TWO, THREE], [ONE])).toEqual([TWO, THREE]);
  expect(choosePending([ONE, TWO], [ONE, TWO])).toEqual([]);
});

test('a file that was changed after it ran is refused', () => {
  expect(() => choosePending([ONE, file('0002_b.sql', 'other')], [ONE, TWO])).toThrow(
    refusal('0002_b.sql was changed after it ran'),
  );
});

test('a file that ran and is missing is refused, the last one too', () => {
  expect(() => choosePending([TWO], [ONE, TWO])).toThrow(refusal('0001_a.sql ran and is not in the folder'));
  expect(() => choosePending([ONE], [ONE, TWO])).toThrow(refusal('0002_b.sql ran and is not in the folder'));
  expect(() => choosePending([], [ONE])).toThrow(refusal('0001_a.sql'));
});

test('a new file before one that ran is refused', () => {
  expect(() => choosePending([ONE, TWO, THREE], [ONE, THREE])).toThrow(
    refusal('0002_b.sql did not run and stands before 0003_c.sql'),
  );
});
