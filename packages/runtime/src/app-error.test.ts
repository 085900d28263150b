import { expect, test } from 'vitest';
import { AppError, Bug, type ErrorTable, errorOf, invariant } from './app-error.ts';

const TABLE = {
  T_BUSY: { retry: 'later', summary: 'the thing is busy', advice: 'wait' },
} as const satisfies ErrorTable;

class ThingError extends AppError {}

test('retry class and advice come from the table', () => {
  const error = new ThingError(TABLE, 'T_BUSY');
  expect(error).toMatchObject({ code: 'T_BUSY', retry: 'later', advice: 'wait', message: 'the thing is busy' });
  expect([error.name, error.context, 'cause' in error]).toEqual(['ThingError', {}, false]);
});

test('the message says what happened, the detail and the figures', () => {
  const error = new ThingError(TABLE, 'T_BUSY', { detail: 'it turns', context: { waiting: 3, name: 'a' } });
  expect(error.message).toBe('the thing is busy: it turns (waiting=3 name=a)');
  expect(error.context).toEqual({ waiting: 3, name: 'a' });
});

test('the cause is kept', () => {
  const cause = new Error('below');
  expect(new ThingError(TABLE, 'T_BUSY', { cause }).cause).toBe(cause);
});

test('the context cannot be changed afterwards', () => {
  expect(Object.isFrozen(new ThingError(TABLE, 'T_BUSY', { context: { a: 1 } }).context)).toBe(true);
});

test('a code that is in no table is a bug', () => {
  expect(() => new ThingError(TABLE, 'T_NONE')).toThrow(Bug);
});

test('an invariant that does not hold is a bug, one that holds is nothing', () => {
  expect(() => invariant(false, 'seq went back')).toThrow(new Bug('seq went back'));
  expect(() => invariant(true, 'seq went back')).not.toThrow();
});

test('whatever was thrown becomes an Error, and an Error stays itself', () => {
  const error = new Error('x');
  expect(errorOf(error)).toBe(error);
  expect(errorOf('text')).toEqual(new Error('text'));
  expect(errorOf(undefined)).toEqual(new Error('undefined'));
});
