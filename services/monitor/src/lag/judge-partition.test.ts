import { describe, expect, test } from 'vitest';
import { judgePartition, type Standing, worstOf } from './judge-partition.ts';

const window = (...readings: readonly (readonly [committed: number | null, lag: number | null])[]): Standing[] =>
  readings.map(([committed, lag]) => ({ committed, lag, hasReader: true }));
const unread = (standings: readonly Standing[]) => standings.map((each) => ({ ...each, hasReader: false }));

describe('the verdict on a partition', () => {
  test('an idle partition with everything consumed is OK', () => {
    expect(judgePartition(window([5, 0], [5, 0], [5, 0]), 3)).toBe('OK');
  });

  test('a group that has never committed is not judged', () => {
    expect(judgePartition(window([null, null], [null, null], [null, null]), 3)).toBe('OK');
  });

  test('an offset that stands still before unread records is STALL while somebody reads', () => {
    expect(judgePartition(window([5, 10], [5, 20], [5, 20]), 3)).toBe('STALL');
  });

  test('the same with no reader is STOP', () => {
    expect(judgePartition(unread(window([5, 10], [5, 20], [5, 20])), 3)).toBe('STOP');
  });

  test('an offset that moves while lag grows at every step is WARN', () => {
    expect(judgePartition(window([5, 10], [10, 20], [15, 30]), 3)).toBe('WARN');
  });

  test('lag that shrinks or holds at one step is OK', () => {
    expect(judgePartition(window([5, 10], [10, 9], [15, 30]), 3)).toBe('OK');
    expect(judgePartition(window([5, 10], [10, 10], [15, 10]), 3)).toBe('OK');
  });

  test('an offset that went back is REWIND, even before the window is full', () => {
    expect(judgePartition(window([50, 0], [5, 45]), 3)).toBe('REWIND');
  });

  test('a window that is not full, or in which all was consumed once, is OK', () => {
    expect(judgePartition(window([5, 10], [5, 10]), 3)).toBe('OK');
    expect(judgePartition(window([5, 0], [5, 10], [5, 20]), 3)).toBe('OK');
  });

  test('a group is as its worst partition', () => {
    expect(worstOf(['OK', 'WARN', 'STALL'])).toBe('STALL');
    expect(worstOf(['OK', 'STOP', 'STALL'])).toBe('STOP');
    expect(worstOf([])).toBe('OK');
  });
});
