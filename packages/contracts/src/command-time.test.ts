import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTime, parseTime } from './command-time.ts';

test('a time with Z or an offset is microseconds since the epoch', () => {
  const micros = 1_610_064_000_278_000;
  for (const text of [
    '2021-01-08T00:00:00.278Z',
    '2021-01-08T01:00:00.278+01:00',
    '2021-01-07T18:30:00.278-05:30',
    '2021-01-08T02:00:00.278+0200',
    '2021-01-08T02:00:00.278+02',
  ]) {
    expect(parseTime(text)).toBe(micros);
  }
  expect(parseTime('2021-01-08T00:00Z')).toBe(micros - 278_000);
  expect(parseTime('2021-01-08T00:00:00.2Z')).toBe(micros - 78_000);
  expect(parseTime('2024-02-29T23:59:59.999Z')).toBe(Date.UTC(2024, 1, 29, 23, 59, 59, 999) * 1000);
});

test('the years run from 1970 to 2200, offsets counted', () => {
  expect(parseTime('1970-01-01T00:00:00Z')).toBe(0);
  expect(parseTime('2200-12-31T23:59:59.999Z')).toBe(Date.UTC(2201, 0, 1) * 1000 - 1000);
  expect(parseTime('2201-01-01T00:30:00+01:00')).toBe(Date.UTC(2200, 11, 31, 23, 30) * 1000);
  for (const text of [
    '1969-12-31T23:59:59.999Z',
    '2201-01-01T00:00:00Z',
    '1970-01-01T00:00:00+01:00',
    '0021-01-08T00:00:00Z',
    '+300000-01-01T00:00:00Z',
  ]) {
    expect(parseTime(text)).toBeNull();
  }
});

test('other texts are no times', () => {
  for (const text of [
    '',
    '2021-01-08',
    '2021-01-08T00:00:00',
    '2021-01-08T00:00:00.278',
    '2021-01-08 00:00:00Z',
    '2021-01-08t00:00:00z',
    '2021-01-08T00:00:00.2781Z',
    '2021-01-08T00:00:00.278000Z',
    '2021-01-08T00:00:00,278Z',
    '2021-01-08T00:00:00.Z',
    '2021-02-29T00:00:00Z',
    '2021-13-01T00:00:00Z',
    '2021-00-10T00:00:00Z',
    '2021-01-00T00:00:00Z',
    '2021-01-08T24:00:00Z',
    '2021-01-08T23:60:00Z',
    '2021-01-08T23:59:60Z',
    '2021-01-08T00:00:00+24:00',
    '2021-01-08T00:00:00+01:60',
    ' 2021-01-08T00:00:00Z',
    '1610064000278',
    'Fri, 08 Jan 2021 00:00:00 GMT',
  ]) {
    expect(parseTime(text)).toBeNull();
  }
});

test('what is formatted is parsed back, to the millisecond', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2201, 0, 1) - 1 }), fc.nat(999), (ms, micros) => {
      expect(parseTime(formatTime(ms * 1000 + micros))).toBe(ms * 1000);
    }),
  );
});
