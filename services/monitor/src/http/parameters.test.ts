import { describe, expect, test } from 'vitest';
import { isText, refuseOtherBodies, timeOf } from './parameters.ts';

describe('a time', () => {
  test.each([
    ['2026-11-25T08:00:00Z', 1_795_593_600_000],
    ['2026-11-25T10:00:00+02:00', 1_795_593_600_000],
    ['2026-11-25T04:00-04', 1_795_593_600_000],
    ['1795593600', 1_795_593_600_000],
    ['1795593600.5', 1_795_593_600_500],
  ])('%s is read', (text, timeMs) => {
    expect(timeOf('from', text)).toBe(timeMs);
  });

  test.each([
    '',
    'yesterday 1',
    '1 week ago',
    '25.11.2026',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-11-25',
    '2026-11-25T08:00:00',
    '2026-11-25 08:00:00Z',
    '2026-11-25T10:00:00 02:00',
    '2201-01-01T00:00:00Z',
    '7289654400',
    '-1',
    1_795_593_600,
    null,
  ])('%s is refused', (given) => {
    expect(() => timeOf('from', given)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
  });
});

test('text that the database cannot hold is none, and neither is half a character', () => {
  expect(['', 'a\u0000', '\ud800', 'x'.repeat(501), 7].filter(isText)).toEqual([]);
  expect(isText('\ud83d\ude00')).toBe(true);
});

test.each([[[{ dryRun: true }]], ['dryRun'], [7], [false]])(
  'a body of %j is refused, for it says nothing',
  async (body) => {
    await expect(refuseOtherBodies({ body })).rejects.toMatchObject({ code: 'INVALID_PARAMETER' });
  },
);

test.each([undefined, null, {}])('a body of %j is as good as an empty one', async (body) => {
  await expect(refuseOtherBodies({ body })).resolves.toBeUndefined();
});
