import type { TradeCommand } from '@tradestream/trading';
import { expect, test } from 'vitest';
import type { DecodedRecord } from '../intake/decode-record.ts';
import type { Intent, ParkedRow, ReleaseQueues } from './parked-rows.ts';
import { planRelease, type ReleasePlan } from './plan-release.ts';

test('what waits behind a redriven head follows it in order, up to the next that has failed by itself', () => {
  const plan = planOf([head(1, redrive), waiting(2), waiting(3), head(4), waiting(5)]);
  expect(released(plan)).toEqual([1, 2, 3]);
  expect(plan.queues).toMatchObject([{ state: 'blocked', growth: -3 }]);
});

test('a queue without intents is left alone from its head on; one whose head only waited is released', () => {
  expect(released(planOf([head(1), waiting(2)]))).toEqual([]);
  const plan = planOf([waiting(2), waiting(3)]);
  expect(released(plan)).toEqual([2, 3]);
  expect(plan.queues).toMatchObject([{ state: 'free', growth: -2 }]);
});

test('behind a head that stays, a discard is done and a redrive is answered', () => {
  const plan = planOf([head(1), waiting(2, redrive), waiting(3, discard)]);
  expect(released(plan)).toEqual([]);
  expect(plan.answers).toMatchObject([{ row: { id: 2 }, outcome: 'parked' }]);
  expect(plan.discards).toMatchObject([{ id: 3 }]);
  expect(plan.queues).toMatchObject([{ state: 'blocked', growth: -1 }]);
});

test('a head that failed again is parked again, and nothing behind it moves', () => {
  const plan = planOf([head(1, redrive), waiting(2)], { failing: new Map([[1, 'no']]) });
  expect(released(plan)).toEqual([]);
  expect(plan.refusals).toMatchObject([{ row: { id: 1 }, reason: 'COMMAND_FAILED', message: 'no', answer: 'no' }]);
});

test('an edit that is refused leaves what only waited to be released as it was sent', () => {
  const edit: Intent = { id: 1, kind: 'edit', editedValue: Buffer.of(1) };
  const plan = planOf([head(1, redrive), waiting(2, edit), waiting(3)], { failing: new Map([[2, 'no']]) });
  expect(released(plan)).toEqual([1]);
  expect(plan.refusals).toMatchObject([{ row: { id: 2 }, reason: 'BEHIND_PARKED', answer: 'no' }]);
  expect(plan.queues).toMatchObject([{ state: 'releasing', growth: -1 }]);
  expect(released(planOf([waiting(2), waiting(3)]))).toEqual([2, 3]);
});

test('a discarded head releases what is behind it', () => {
  const plan = planOf([head(1, discard), waiting(2)]);
  expect(released(plan)).toEqual([2]);
  expect(plan.queues).toMatchObject([{ state: 'free', growth: -2 }]);
});

test('bytes that are a command now wait for what is in front of them on their key', () => {
  const aside = { ...head(3, redrive), blocksKey: false, commandId: null, reason: 'SCHEMA_UNKNOWN' };
  expect(released(planOf([head(4), aside]))).toEqual([3]);
  const behind = planOf([head(2), aside]);
  expect(released(behind)).toEqual([]);
  expect(behind.answers).toMatchObject([{ row: { id: 3 }, outcome: 'parked' }]);
});

test('beyond where the queues were cut off nothing is judged yet', () => {
  const cut = { offset: 2, partition: 0 };
  const plan = planOf([head(1, redrive), waiting(2), waiting(9, redrive)], { cut });
  expect(released(plan)).toEqual([1, 2]);
  expect(plan.answers).toEqual([]);
  expect(plan.queues).toMatchObject([{ state: 'releasing' }]);
});

test('no more are released than there is room for, and the rest keeps its turn', () => {
  const plan = planOf([head(1, redrive), waiting(2), waiting(3)], { countMax: 2 });
  expect(released(plan)).toEqual([1, 2]);
  expect(plan.queues).toMatchObject([{ state: 'releasing', growth: -2 }]);
});

test('an edit to another command id is refused and leaves the record as it was', () => {
  const plan = planOf([{ ...head(1, edit), commandId: 'another' }]);
  expect(plan.refusals).toMatchObject([{ row: { id: 1 }, reason: 'COMMAND_FAILED', message: 'failed' }]);
  expect(plan.refusals[0]?.answer).toContain('commandId');
});

test('a record that ended six processes is parked again untried', () => {
  const plan = planOf([{ ...head(1, redrive), tries: 6 }]);
  expect(plan.refusals).toMatchObject([{ reason: 'WORKER_KILLED' }]);
});

test('an intent on what was settled meanwhile is answered with what it became', () => {
  const plan = planOf([{ ...head(1, discard), status: 'applied' }]);
  expect(plan.answers).toMatchObject([{ outcome: 'applied' }]);
  expect(plan.discards).toEqual([]);
});

const redrive: Intent = { id: 10, kind: 'redrive', editedValue: null };
const discard: Intent = { id: 11, kind: 'discard', editedValue: null };
const edit: Intent = { id: 12, kind: 'edit', editedValue: Buffer.from('edited') };
const command: TradeCommand = { type: 'DepositFunds', userId: 'u', asset: 'USD', amount: 1n };

function head(id: number, intent: Intent | null = null): ParkedRow {
  return {
    id,
    record: {
      topic: 'trade-commands',
      partition: 0,
      offset: id,
      timestampMs: 100 - id,
      key: Buffer.from('user:u'),
      value: Buffer.from('sent'),
      headers: {},
    },
    reason: 'COMMAND_FAILED',
    message: 'failed',
    commandId: `command-${id}`,
    blocksKey: true,
    status: 'parked',
    tries: 0,
    intent,
  };
}

function waiting(id: number, intent: Intent | null = null): ParkedRow {
  return { ...head(id, intent), reason: 'BEHIND_PARKED' };
}

function planOf(
  rows: readonly ParkedRow[],
  options: Partial<Parameters<typeof planRelease>[0]> & Partial<Pick<ReleaseQueues, 'cut'>> = {},
): ReleasePlan {
  const decoded = rows.map(({ id, record }): [number, DecodedRecord] => [
    id,
    { kind: 'command', record, commandId: `command-${id}`, command, key: 'user:u', hash: 'hash' },
  ]);
  const { cut = null, countMax = 100, failing = new Map<number, string>() } = options;
  return planRelease({ queues: { rows, keys: [], cut }, decoded: new Map(decoded), failing, countMax });
}

function released({ releases }: ReleasePlan): readonly number[] {
  return releases.map(({ row }) => row.id);
}
