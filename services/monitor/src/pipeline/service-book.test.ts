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

test('what a service does with its database is its own: shares of its statements, and the wait for a connection', () => {
  const book = new ServiceBook();
  const at = (statements: number, slow: number, errors: number, waits: number) => [
    counter('tradestream_database_statements_total', {}, statements),
    counter('tradestream_database_slow_statements_total', {}, slow),
    counter('tradestream_database_errors_total', { type: 'QUERY_ERROR' }, errors),
    counter('tradestream_database_errors_total', { type: 'CONNECTION_ERROR' }, 0),
    counter('tradestream_pool_connections', {}, 3),
    counter('tradestream_pool_in_use', {}, 2),
    counter('tradestream_pool_waiting', {}, 1),
    counter('tradestream_pool_wait_seconds_count', {}, waits),
    counter('tradestream_pool_wait_seconds_sum', {}, waits / 4),
  ];
  read(book, 0, at(100, 0, 0, 10));
  expect(book.answer.pools).toMatchObject([{ statements: null, errorRatio: null, waitSecondsMean: null }]);
  read(book, 5_000, at(200, 10, 20, 14));
  expect(book.answer.pools).toEqual([
    {
      service: 'worker-1',
      connections: 3,
      inUse: 2,
      waiting: 1,
      waitSecondsMean: 0.25,
      statements: 20,
      errors: { QUERY_ERROR: 4, CONNECTION_ERROR: 0 },
      errorRatio: 0.2,
      slowRatio: 0.1,
    },
  ]);
});

test('a service that cannot even connect fails in all that it does, and one that rests in nothing', () => {
  const book = new ServiceBook();
  const at = (errors: number) => [
    counter('tradestream_pool_connections', {}, 0),
    counter('tradestream_database_statements_total', {}, 7),
    counter('tradestream_database_errors_total', { type: 'CONNECTION_ERROR' }, errors),
  ];
  read(book, 0, at(0));
  read(book, 5_000, at(0));
  expect(book.answer.pools).toMatchObject([{ errorRatio: 0, slowRatio: 0 }]);
  read(book, 10_000, at(3));
  expect(book.answer.pools).toMatchObject([{ errorRatio: 1 }]);
});
