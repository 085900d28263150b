import { expect, test } from 'vitest';
import { judgeTransaction, type RunningTransaction } from './long-running.ts';

const POLICY = { longRunningAfter: 1_000, idleAfter: 100, onLongRunning: 'cancel', onIdle: 'terminate' } as const;

function running(given: Partial<RunningTransaction>): RunningTransaction {
  return {
    backendPid: 1,
    applicationName: 'ours',
    userName: 'me',
    clientAddress: null,
    ageMs: 10,
    idleMs: null,
    waitsFor: null,
    statement: 'SELECT 1',
    label: null,
    ...given,
  };
}

test.each([
  [{}, null],
  [{ ageMs: 1_000 }, { kind: 'long running', action: 'cancel' }],
  [{ idleMs: 99 }, null],
  [{ idleMs: 100 }, { kind: 'idle in transaction', action: 'terminate' }],
  [
    { ageMs: 1_000, idleMs: 50 },
    { kind: 'long running', action: 'report' },
  ],
  [
    { ageMs: 1_000, applicationName: 'theirs' },
    { kind: 'long running', action: 'report' },
  ],
])('%j is judged as %j', (given, expected) => {
  const finding = judgeTransaction(running(given), POLICY, 'ours');
  expect(finding === null ? null : { kind: finding.kind, action: finding.action }).toEqual(expected);
});

test('others are ended only when the policy is for all', () => {
  const theirs = running({ ageMs: 2_000, applicationName: 'theirs' });
  expect(judgeTransaction(theirs, { ...POLICY, scope: 'all' }, 'ours')?.action).toBe('cancel');
});
