import { expect, test } from 'vitest';
import type { Series } from '../sources/scrape.ts';
import { ServiceBook } from './service-book.ts';

const service = { name: 'worker-1', up: true, latencySeconds: 0.01, detail: '' };
const read = (book: ServiceBook, atMs: number, series: readonly Series[]) => book.take([{ service, series }], atMs);
const counter = (name: string, labels: Readonly<Record<string, string>>, value: number): Series => ({
  name,
  labels,
  value,
});

test('errors that no service counts are not known, rather than 0', () => {
  const book = new ServiceBook();
  read(book, 0, [counter('tradestream_commands_total', { outcome: 'applied' }, 1)]);
  expect(book.answer.rates.errors).toEqual({});
});

test('paused partitions are summed over the workers, and not known where none tells', () => {
  const book = new ServiceBook();
  read(book, 0, []);
  expect(book.answer.pausedPartitions).toBeNull();
  const paused = (partition: string, value: number) => counter('tradestream_worker_paused', { partition }, value);
  read(book, 1_000, [paused('0', 1), paused('1', 0), paused('2', 1)]);
  expect(book.answer.pausedPartitions).toBe(2);
});

test('once they are counted, each of the four types is there', () => {
  const book = new ServiceBook();
  read(book, 0, [counter('tradestream_database_errors_total', { type: 'QUERY_ERROR' }, 1)]);
  read(book, 1_000, [counter('tradestream_database_errors_total', { type: 'QUERY_ERROR' }, 4)]);
  expect(book.answer.rates.errors).toEqual({
    CONNECTION_ERROR: 0,
    QUERY_ERROR: 3,
    TRANSACTION_ERROR: 0,
    REPLICATION_ERROR: 0,
  });
});

test('rates and means are taken over the readings of all services', () => {
  const book = new ServiceBook();
  const at = (commands: number, sum: number, count: number) => [
    counter('tradestream_commands_total', { outcome: 'applied' }, commands),
    counter('tradestream_batch_commands_sum', {}, sum),
    counter('tradestream_batch_commands_count', {}, count),
  ];
  read(book, 0, at(10, 10, 1));
  read(book, 2_000, at(30, 30, 3));
  expect(book.answer.rates.commands).toEqual({ applied: 10 });
  expect(book.answer.batches).toEqual({ commandsMean: 10, secondsMean: null });
});
