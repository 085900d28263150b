import { expect, onTestFinished, test, vi } from 'vitest';
import { DatabaseMetrics } from './database-metrics.ts';

test('a sample is in the course at once, in the millisecond in which it was taken', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await using metrics = new DatabaseMetrics();
  metrics.collect();
  expect(metrics.history('errorRate', new Date(0))).toHaveLength(1);
  expect(metrics.history('errorRate', new Date(0), new Date())).toEqual([]);
});
