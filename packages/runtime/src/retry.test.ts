import { expect, test } from 'vitest';
import { AppError, type ErrorTable, type RetryClass } from './app-error.ts';
import { type RetryOptions, retry } from './retry.ts';

const TABLE = {
  T_NOW: { retry: 'now', summary: 'again', advice: '' },
  T_LATER: { retry: 'later', summary: 'in a while', advice: '' },
  T_NEVER: { retry: 'never', summary: 'not again', advice: '' },
  T_SETTLE: { retry: 'settle', summary: 'who knows', advice: '' },
} as const satisfies ErrorTable;

class WorkError extends AppError {
  constructor(code: keyof typeof TABLE) {
    super(TABLE, code);
  }
}

const QUICK = { initialMs: 0, maxMs: 1 } as const;

/** Work that fails so often, then answers with the number of the attempt. */
function failing(times: number, code: keyof typeof TABLE): (attempt: number) => Promise<number> {
  return async (attempt) => {
    if (attempt <= times) throw new WorkError(code);
    return attempt;
  };
}

test('work that succeeds is done once', async () => {
  expect(await retry(failing(0, 'T_NOW'), { policy: QUICK, classes: ['now'] })).toBe(1);
});

test('failures of the named classes are tried again', async () => {
  expect(await retry(failing(3, 'T_NOW'), { policy: QUICK, classes: ['now'] })).toBe(4);
  expect(await retry(failing(2, 'T_LATER'), { policy: QUICK, classes: ['now', 'later'] })).toBe(3);
});

test('failures of every other class are thrown as they are, at the first attempt', async () => {
  for (const code of ['T_LATER', 'T_NEVER', 'T_SETTLE'] as const) {
    let attempts = 0;
    const work = async () => {
      attempts += 1;
      throw new WorkError(code);
    };
    await expect(retry(work, { policy: QUICK, classes: ['now'] })).rejects.toMatchObject({ code });
    expect(attempts).toBe(1);
  }
});

test('an error without a class is not tried again', async () => {
  const work = async () => {
    throw new TypeError('a bug');
  };
  await expect(retry(work, { policy: QUICK, classes: ['now', 'later'] })).rejects.toThrow(TypeError);
});

test('after the last attempt comes RT_RETRIES_SPENT with the last failure as its cause', async () => {
  const spent = retry(failing(9, 'T_NOW'), { policy: { ...QUICK, attemptsMax: 3 }, classes: ['now'] });
  await expect(spent).rejects.toMatchObject({
    code: 'RT_RETRIES_SPENT',
    retry: 'later',
    context: { attempt: 3, code: 'T_NOW' },
    cause: { code: 'T_NOW' },
  });
});

test('no attempt starts that would come after the deadline', async () => {
  let attempts = 0;
  const work = async () => {
    attempts += 1;
    throw new WorkError('T_NOW');
  };
  const policy = { initialMs: 50, maxMs: 60_000, deadlineMs: 40 };
  await expect(retry(work, { policy, classes: ['now'] })).rejects.toMatchObject({ code: 'RT_RETRIES_SPENT' });
  expect(attempts).toBe(1);
});

test('no pause is begun that would last beyond the deadline', async () => {
  const pauses: number[] = [];
  const options: RetryOptions = {
    policy: { initialMs: 2, maxMs: 1_000, deadlineMs: 3 },
    classes: ['now'],
    onRetry: (_error, _attempt, pauseMs) => pauses.push(pauseMs),
  };
  for (let round = 0; round < 50; round += 1) {
    await expect(retry(failing(Infinity, 'T_NOW'), options)).rejects.toMatchObject({ code: 'RT_RETRIES_SPENT' });
  }
  expect(pauses.filter((pauseMs) => pauseMs > 3)).toEqual([]);
});

test('each pause is between the first and three times the last, and at most the longest', async () => {
  const pauses: number[] = [];
  const options: RetryOptions = {
    policy: { initialMs: 1, maxMs: 4 },
    classes: ['now'],
    onRetry: (error, attempt, pauseMs) => {
      expect([error.code, attempt]).toEqual(['T_NOW', pauses.length + 1]);
      pauses.push(pauseMs);
    },
  };
  await retry(failing(12, 'T_NOW'), options);
  expect(pauses).toHaveLength(12);
  let last = 1;
  for (const pauseMs of pauses) {
    expect(pauseMs).toBeGreaterThanOrEqual(1);
    expect(pauseMs).toBeLessThanOrEqual(Math.min(4, last * 3));
    last = pauseMs;
  }
});

test('an abort ends the pause with RT_ABORTED', async () => {
  const stop = new AbortController();
  const classes: readonly RetryClass[] = ['now'];
  const policy = { initialMs: 600_000, maxMs: 600_000 };
  const onRetry = () => stop.abort();
  const retrying = retry(failing(1, 'T_NOW'), { policy, classes, signal: stop.signal, onRetry });
  await expect(retrying).rejects.toMatchObject({ code: 'RT_ABORTED' });
});
