import { expect, test } from 'vitest';
import { forgottenOf, originOf } from './recovery-parameters.ts';

const COMMAND = '0193A5D2-7C1E-7B3A-9F00-000000000001';

test('an origin is one of offset, time and command; a batch for dry runs', () => {
  expect(originOf({ fromOffset: 0, partitions: [2] }, false)).toEqual({
    origin: { kind: 'offset', offset: 0 },
    partitions: [2],
  });
  expect(originOf({ fromTime: '1970-01-01T00:00:01Z' }, true)).toEqual({
    origin: { kind: 'time', timeMs: 1_000 },
    partitions: null,
  });
  expect(originOf({ fromCommandId: COMMAND }, false)).toEqual({
    origin: { kind: 'command', commandId: COMMAND.toLowerCase() },
    partitions: null,
  });
  expect(originOf({ fromBatch: 7 }, true)).toEqual({ batch: 7 });
});

test.each([
  ['none', {}, true],
  ['two', { fromOffset: 1, fromBatch: 1 }, true],
  ['a batch for a replay', { fromBatch: 1 }, false],
  ['a batch of some partitions', { fromBatch: 1, partitions: [0] }, true],
  ['a negative offset', { fromOffset: -1 }, false],
  ['an offset as text', { fromOffset: '1' }, false],
  ['a time that is none', { fromTime: 'yesterday' }, false],
  ['a time without a zone', { fromTime: '2026-11-25T08:00:00' }, true],
  ['an id that is none', { fromCommandId: 'x' }, false],
  ['no partition', { fromOffset: 0, partitions: [] }, false],
])('%s is refused with its field and rule', (_what, given, isDry) => {
  expect(() => originOf(given, isDry)).toThrow(/^(from(Offset|Time|CommandId|Batch)|partitions): /);
});

test('what is forgotten is of before a time, or of named commands', () => {
  expect(forgottenOf({ before: '2020-01-01T01:00:00+01:00' })).toEqual({ before: '2020-01-01T00:00:00.000Z' });
  expect(forgottenOf({ commandIds: [COMMAND] })).toEqual({ commandIds: [COMMAND.toLowerCase()] });
});

test.each([
  ['neither', {}],
  ['a time of nowhere', { before: '2020-01-01' }],
  ['both', { before: '2020-01-01T00:00:00Z', commandIds: [COMMAND] }],
  ['no command', { commandIds: [] }],
  ['what is no id', { commandIds: [COMMAND, 7] }],
  ['one id that is no list', { commandIds: COMMAND }],
])('%s is refused', (_what, given) => {
  expect(() => forgottenOf(given)).toThrow(/^(before|commandIds): /);
});
