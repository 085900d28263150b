import { expect, test } from 'vitest';
import { HttpProblem } from './problem.ts';

test('a problem is written with type, title, status, code and what more there is', () => {
  const problem = new HttpProblem({ status: 409, code: 'CONFLICT', title: 'taken', extra: { offset: '7' } });
  expect(JSON.parse(JSON.stringify(problem))).toEqual({
    type: 'urn:tradestream:problem:CONFLICT',
    title: 'taken',
    status: 409,
    code: 'CONFLICT',
    offset: '7',
  });
  expect(problem.headers).toEqual({});
});

test('a problem is an error with its cause, which is not written', () => {
  const cause = new Error('inside');
  const problem = new HttpProblem({ status: 503, code: 'AWAY', title: 'away', cause, headers: { 'retry-after': '1' } });
  expect(problem).toMatchObject({ name: 'HttpProblem', message: 'away', cause, headers: { 'retry-after': '1' } });
  expect(JSON.stringify(problem)).not.toContain('inside');
});
