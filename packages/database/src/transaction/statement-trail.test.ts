import { expect, test } from 'vitest';
import { StatementTrail } from './statement-trail.ts';

test('the statement of a deadlock is the one that waited beside it, and not what came after', () => {
  const trail = new StatementTrail();
  trail.began('BEGIN', 0)(1);
  trail.began('UPDATE', 10)(1_020);
  trail.began('COMMIT', 1_021);
  expect(trail.beside(15, 1_030)).toEqual({ text: 'UPDATE', sharedMs: 1_005 });
  expect(trail.last?.text).toBe('COMMIT');
});

test('a statement that still runs counts, one that ended before does not', () => {
  const trail = new StatementTrail();
  expect(trail.beside(0, 10)).toBeNull();
  trail.began('SELECT 1', 0)(5);
  expect(trail.beside(5, 10)).toBeNull();
  trail.began('SELECT 2', 7);
  expect(trail.beside(5, 10)).toEqual({ text: 'SELECT 2', sharedMs: 3 });
});

test('the last eight are kept', () => {
  const trail = new StatementTrail();
  for (let index = 0; index < 9; index += 1) trail.began(`SELECT ${index}`, index)(index + 1);
  expect(trail.beside(0, 1)).toBeNull();
  expect(trail.beside(1, 2)?.text).toBe('SELECT 1');
});
