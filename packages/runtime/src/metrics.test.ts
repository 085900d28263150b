import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('counters, gauges and histograms are in the text with their labels and the service', async () => {
  const metrics = createMetrics({ service: 'worker' });
  const applied = metrics.counter({ name: 'tradestream_applied_total', help: 'applied', labels: ['outcome'] });
  applied.add(2, { outcome: 'applied' });
  applied.add(3, { outcome: 'applied' });
  metrics.gauge({ name: 'tradestream_lag', help: 'lag' }).set(7);
  const seconds = metrics.histogram({ name: 'tradestream_wait_seconds', help: 'wait', buckets: [0.1, 1] });
  seconds.observe(0.5);
  const text = await metrics.text();
  expect(text).toContain('tradestream_applied_total{outcome="applied",service="worker"} 5');
  expect(text).toContain('tradestream_lag{service="worker"} 7');
  expect(text).toContain('tradestream_wait_seconds_bucket{le="0.1",service="worker"} 0');
  expect(text).toContain('tradestream_wait_seconds_bucket{le="1",service="worker"} 1');
  expect(text).toContain('tradestream_process_resident_memory_bytes{service="worker"}');
});

test('a series that was removed is absent, its sisters stay', async () => {
  const metrics = createMetrics({ service: 'worker' });
  const lag = metrics.gauge({ name: 'tradestream_lag', help: 'lag', labels: ['partition'] });
  lag.set(1, { partition: 0 });
  lag.set(2, { partition: 1 });
  lag.remove({ partition: 0 });
  const text = await metrics.text();
  expect(text).not.toContain('partition="0"');
  expect(text).toContain('tradestream_lag{partition="1",service="worker"} 2');
});

test('what is counted elsewhere is looked up at each reading', async () => {
  const metrics = createMetrics({ service: 'worker' });
  const open = metrics.gauge({ name: 'tradestream_open', help: 'open' });
  let readings = 0;
  metrics.onCollect(() => open.set((readings += 1)));
  await metrics.text();
  expect(await metrics.text()).toContain('tradestream_open{service="worker"} 2');
});

test('metrics of one process do not meet those of another', async () => {
  const [one, two] = [createMetrics({ service: 'one' }), createMetrics({ service: 'two' })];
  one.counter({ name: 'tradestream_x_total', help: 'x' }).add(1);
  two.counter({ name: 'tradestream_x_total', help: 'x' }).add(5);
  expect(await one.text()).toContain('tradestream_x_total{service="one"} 1');
  expect(await two.text()).toContain('tradestream_x_total{service="two"} 5');
});
