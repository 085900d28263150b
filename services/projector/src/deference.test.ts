import { createMemoryLog } from '@tradestream/messaging';
import { createLogger } from '@tradestream/runtime';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deference } from './deference.ts';

const WORKER = 'transaction-worker';

// A rest is measured by the monotonic clock, which goes on while a busy machine keeps this test waiting.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** A commands topic on which workers have done `committed` of `sent`. */
async function deferenceAt(options: { readonly sent: number; readonly factor: number }) {
  const log = createMemoryLog();
  const admin = await log.openAdmin();
  await admin.createTopics([{ topic: 'commands', partitions: 1 }]);
  const producer = await log.openProducer({ clientId: 'test' });
  const records = Array.from({ length: options.sent }, () => ({ key: 'k', value: null }));
  await producer.send('commands', records);
  const clock = { ms: 1_000_000 };
  const deference = new Deference({
    admin,
    commandsTopic: 'commands',
    workerGroup: WORKER,
    factor: options.factor,
    log: createLogger({ service: 'test', level: 'silent' }),
    now: () => clock.ms,
  });
  const finish = async () => await admin.deleteRecords('commands', new Map([[0, options.sent]]));
  return { deference, clock, finish };
}

/** The rest after a batch, once the answer to its first look has come. */
async function restAfter(deference: Deference, batchMs: number): Promise<number> {
  deference.worked(batchMs);
  await new Promise((resolve) => setImmediate(resolve));
  deference.worked(batchMs);
  return deference.restMs();
}

test('behind workers with a backlog it rests for a multiple of its batch, within a bound', async () => {
  const { deference } = await deferenceAt({ sent: 80_000, factor: 3 });
  deference.saw(0);
  expect(await restAfter(deference, 100)).toBe(300);
  vi.advanceTimersByTime(299);
  expect(deference.restMs()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(deference.restMs()).toBe(0);
  // A long one is asked about again and again.
  deference.worked(5_000);
  expect(deference.restMs()).toBe(500);
});

test('a rest ends with the backlog', async () => {
  const { deference, clock, finish } = await deferenceAt({ sent: 80_000, factor: 20 });
  deference.saw(0);
  expect(await restAfter(deference, 5_000)).toBe(500);
  await finish();
  clock.ms += 1_000;
  deference.restMs();
  await new Promise((resolve) => setImmediate(resolve));
  expect(deference.restMs()).toBe(0);
});

test('old events alone, as in a rebuild, make it rest for nobody', async () => {
  const { deference } = await deferenceAt({ sent: 100, factor: 3 });
  deference.saw(0);
  expect(await restAfter(deference, 100)).toBe(0);
});

test('while events are shown in time it does not even look', async () => {
  const { deference, clock } = await deferenceAt({ sent: 80_000, factor: 3 });
  deference.saw(clock.ms - 500);
  expect(await restAfter(deference, 100)).toBe(0);
});

test('a factor of zero never rests', async () => {
  const { deference } = await deferenceAt({ sent: 80_000, factor: 0 });
  deference.saw(0);
  expect(await restAfter(deference, 100)).toBe(0);
});
