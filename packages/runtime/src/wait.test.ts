import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { sleep, waitFor } from './wait.ts';

const never = (): Promise<never> => new Promise(() => undefined);

test('what comes in time is the answer', async () => {
  expect(await waitFor(Promise.resolve(7), { timeoutMs: 10_000, stage: 'x' })).toBe(7);
  expect(await waitFor(Promise.resolve(8), { stage: 'x' })).toBe(8);
});

test('the failure of the work is passed on', async () => {
  await expect(waitFor(Promise.reject(new Error('own')), { timeoutMs: 10_000, stage: 'x' })).rejects.toThrow('own');
});

test('after its time a wait ends with RT_TIMEOUT, naming the stage', async () => {
  await expect(waitFor(never(), { timeoutMs: 1, stage: 'open the door' })).rejects.toMatchObject({
    code: 'RT_TIMEOUT',
    retry: 'later',
    context: { stage: 'open the door', timeoutMs: 1 },
  });
});

test('an abort ends a wait with RT_ABORTED, naming the stage and the reason', async () => {
  const stop = new AbortController();
  const waiting = waitFor(never(), { signal: stop.signal, stage: 'open the door' });
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toMatchObject({
    code: 'RT_ABORTED',
    retry: 'never',
    context: { stage: 'open the door' },
    cause: new Error('enough'),
  });
});

test('the late failure of work that is not waited for is no crash, whether its time was over or a signal came first', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  const [slow, unwanted] = [Promise.withResolvers<never>(), Promise.withResolvers<never>()];
  await expect(waitFor(slow.promise, { timeoutMs: 1, stage: 'x' })).rejects.toMatchObject({ code: 'RT_TIMEOUT' });
  await expect(waitFor(unwanted.promise, { signal: AbortSignal.abort(), stage: 'x' })).rejects.toMatchObject({
    code: 'RT_ABORTED',
  });
  slow.reject(new Error('late'));
  unwanted.reject(new Error('late'));
  await setImmediate();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

test('a wait that ends early leaves no timer behind', async () => {
  vi.useFakeTimers();
  try {
    await waitFor(Promise.resolve(), { timeoutMs: 600_000, stage: 'x' });
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('a wait leaves no listener behind', async () => {
  const { signal } = new AbortController();
  const late = Promise.withResolvers<number>();
  const waiting = waitFor(late.promise, { signal, stage: 'x' });
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  late.resolve(7);
  await waiting;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('sleep resolves after its time', async () => {
  const startedMs = performance.now();
  await sleep(5);
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(4);
});

test('sleep ends with RT_ABORTED as soon as the signal aborts', async () => {
  const stop = new AbortController();
  const sleeping = sleep(600_000, stop.signal);
  stop.abort();
  await expect(sleeping).rejects.toMatchObject({ code: 'RT_ABORTED', context: { stage: 'sleep' } });
  await expect(sleep(600_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'RT_ABORTED' });
});
