import { expect, test } from 'vitest';
import { toStatement } from './placeholders.ts';

test('each question mark takes the next number', () => {
  expect(toStatement('SELECT * FROM trades WHERE symbol = ? AND price > ?', ['BTC-USD', 1])).toEqual({
    text: 'SELECT * FROM trades WHERE symbol = $1 AND price > $2',
    values: ['BTC-USD', 1],
  });
});

test.each([
  ["SELECT '?', ?", "SELECT '?', $1"],
  ["SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"],
  [String.raw`SELECT E'\'?', ?`, String.raw`SELECT E'\'?', $1`],
  [String.raw`SELECT '\', ?`, String.raw`SELECT '\', $1`],
  ['SELECT "a?b", ?', 'SELECT "a?b", $1'],
  ['SELECT 1 -- ?\n, ?', 'SELECT 1 -- ?\n, $1'],
  ['SELECT /* ? /* ? */ ? */ ?', 'SELECT /* ? /* ? */ ? */ $1'],
  ['SELECT $$?$$, ?', 'SELECT $$?$$, $1'],
  ['SELECT $a$ ? $$ ? $a$, ?', 'SELECT $a$ ? $$ ? $a$, $1'],
  ['SELECT doc ?? ?', 'SELECT doc ? $1'],
  ['SELECT doc ??| ?', 'SELECT doc ?| $1'],
])('%s becomes %s', (given, expected) => {
  expect(toStatement(given, [7])).toEqual({ text: expected, values: [7] });
});

test('a text with numbered parameters keeps its operators', () => {
  expect(toStatement('SELECT doc ? $1', ['a'])).toEqual({ text: 'SELECT doc ? $1', values: ['a'] });
});

test('a text without values is left as it is', () => {
  expect(toStatement(`SELECT doc ? 'a'`)).toEqual({ text: `SELECT doc ? 'a'` });
});

test('a built statement brings its values', () => {
  expect(toStatement({ text: 'SELECT $1', values: [1] })).toEqual({ text: 'SELECT $1', values: [1] });
});

test.each([[['a']], [['a', 'b', 'c']], [['a', undefined]]])('values %j do not fit two marks', (values) => {
  expect(() => toStatement('SELECT ?, ?', values)).toThrow(expect.objectContaining({ code: 'DB_PLACEHOLDERS' }));
});
