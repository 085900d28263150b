import { expect, test } from 'vitest';
import { parseMetrics } from './scrape.ts';

test('series of our own are read with their labels', () => {
  const text = [
    '# HELP tradestream_rejections_total Rejected commands by reason',
    'tradestream_rejections_total{reason="INSUFFICIENT_FUNDS",service="worker"} 12',
    'tradestream_batch_seconds_sum 0.5',
    'tradestream_odd{text="a \\"quoted\\" \\\\ line\\nbreak, {brace}"} 1e3',
    'tradestream_nodejs_heap 5',
    'go_goroutines 3',
    'tradestream_broken{',
    'tradestream_nan NaN',
  ].join('\n');
  expect(parseMetrics(text)).toEqual([
    { name: 'tradestream_rejections_total', labels: { reason: 'INSUFFICIENT_FUNDS', service: 'worker' }, value: 12 },
    { name: 'tradestream_batch_seconds_sum', labels: {}, value: 0.5 },
    { name: 'tradestream_odd', labels: { text: 'a "quoted" \\ line\nbreak, {brace}' }, value: 1_000 },
  ]);
});
