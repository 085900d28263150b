import { Readiness } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import { WorkerError } from './errors.ts';
import { Pauses } from './pauses.ts';

const failure = new WorkerError('CLAIM_NOT_SETTLED');

test('a short pause keeps the worker ready; a long one says why it is not, until something goes well', async () => {
  const readiness = new Readiness();
  readiness.set('applying', true);
  const pauses = new Pauses({ readiness, retryDeadlineMs: 60_000, signal: AbortSignal.abort() });
  await expect(pauses.rest(failure, true)).rejects.toMatchObject({ code: 'RT_ABORTED' });
  expect(readiness.snapshot().ready).toBe(true);
  await expect(pauses.rest(failure, false)).rejects.toMatchObject({ code: 'RT_ABORTED' });
  expect(readiness.snapshot().parts).toEqual([{ part: 'applying', ok: false, detail: failure.message }]);
  pauses.over();
  expect(readiness.snapshot().ready).toBe(true);
});

test('what a second try would mend is no longer retried at once when the deadline has passed', async () => {
  const readiness = new Readiness();
  const pauses = new Pauses({ readiness, retryDeadlineMs: 0, signal: AbortSignal.abort() });
  await expect(pauses.rest(failure, true)).rejects.toMatchObject({ code: 'RT_ABORTED' });
  expect(readiness.snapshot().ready).toBe(false);
});

test('a pause ends when the worker stops', async () => {
  const stop = new AbortController();
  const pauses = new Pauses({ readiness: new Readiness(), retryDeadlineMs: 0, signal: stop.signal });
  const resting = pauses.rest(failure, false);
  stop.abort();
  await expect(resting).rejects.toMatchObject({ code: 'RT_ABORTED' });
});
