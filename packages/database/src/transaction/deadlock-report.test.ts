import { expect, test } from 'vitest';
import { parseLockDetail, statementsInLog } from './deadlock-report.ts';

const DETAIL = `Process 101 waits for ShareLock on transaction 789; blocked by process 202.
Process 202 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by process 101.`;

const LOG = `2026-11-25 10:00:00.000 UTC [101] me@db app ERROR:  deadlock detected
2026-11-25 10:00:00.000 UTC [101] me@db app DETAIL:  Process 101 waits for ShareLock on transaction 700; blocked by process 202.
\tProcess 202 waits for ShareLock on transaction 701; blocked by process 101.
\tProcess 101: UPDATE older SET a = 1
\tProcess 202: UPDATE older SET a = 2
2026-11-25 10:00:00.000 UTC [101] me@db app HINT:  See server log for query details.
2026-11-25 10:00:01.000 UTC [101] me@db app DETAIL:  Process 101 waits for ShareLock on transaction 789; blocked by process 202.
\tProcess 202 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by process 101.
\tProcess 101: UPDATE accounts
\t  SET balance = 1
\tProcess 202: UPDATE accounts SET balance = 2
2026-11-25 10:00:01.000 UTC [101] me@db app STATEMENT:  UPDATE accounts
`;

test('the circle is read from what the server tells the victim', () => {
  expect(parseLockDetail(DETAIL)).toEqual([
    { backendPid: 101, lock: 'ShareLock', on: 'transaction 789', blockedBy: 202 },
    { backendPid: 202, lock: 'ExclusiveLock', on: 'tuple (0,1) of relation 16384 of database 5', blockedBy: 101 },
  ]);
});

test('the statements are those of this deadlock and not of an older one', () => {
  expect([...statementsInLog(LOG, parseLockDetail(DETAIL))]).toEqual([
    [101, 'UPDATE accounts\n  SET balance = 1'],
    [202, 'UPDATE accounts SET balance = 2'],
  ]);
});

test('a log without the deadlock has no statements', () => {
  expect(statementsInLog('', parseLockDetail(DETAIL)).size).toBe(0);
  expect(statementsInLog(LOG, []).size).toBe(0);
});
