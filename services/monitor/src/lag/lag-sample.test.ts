import { describe, expect, test } from 'vitest';
import { lagOf, lagSecondsOf, lostOf, type PartitionSample } from './lag-sample.ts';

const at = (given: Partial<PartitionSample>): PartitionSample => ({
  topic: 'a',
  partition: 0,
  committed: 10,
  start: 0,
  end: 30,
  next: { offset: 10, timestampMs: 5_000 },
  member: null,
  ...given,
});

describe('lag of a partition', () => {
  test('it is the distance from the committed offset to the end', () => {
    expect(lagOf(at({}))).toBe(20);
  });

  test('records that no reader can see are no lag', () => {
    expect(lagOf(at({ next: null }))).toBe(0);
    expect(lagOf(at({ next: { offset: 25, timestampMs: 0 } }))).toBe(5);
  });

  test('records that retention took are lost, not lag', () => {
    const expired = at({ start: 18, next: { offset: 18, timestampMs: 0 } });
    expect(lagOf(expired)).toBe(12);
    expect(lostOf(expired)).toBe(8);
  });

  test('what is not known is null, never 0', () => {
    expect(lagOf(at({ committed: null }))).toBeNull();
    expect(lagOf(at({ end: null }))).toBeNull();
    expect(lagSecondsOf(at({ next: undefined }), 9_000)).toBeNull();
    expect(lostOf(at({ start: null }))).toBeNull();
  });

  test('in seconds it is the age of the oldest unread record', () => {
    expect(lagSecondsOf(at({}), 9_000)).toBe(4);
    expect(lagSecondsOf(at({ committed: 30, next: null }), 9_000)).toBe(0);
  });
});
