import type { LogRecord } from '@tradestream/messaging';
import { expect, test } from 'vitest';
import { Inbox } from './inbox.ts';

const options = (queueRecordsMax = 100) => ({ queueRecordsMax, onWaiting: () => undefined });

function records(from: number, count: number): LogRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: 'trade-events',
    partition: 0,
    offset: from + index,
    timestampMs: 0,
    key: null,
    value: null,
    headers: {},
  }));
}

const offsets = (taken: ReadonlyMap<number, readonly { readonly offset: number }[]>) =>
  Object.fromEntries([...taken].map(([partition, of]) => [partition, of.map(({ offset }) => offset)]));

test('lanes share a batch evenly, and what one lane lacks goes to the others', async () => {
  const inbox = new Inbox(
    new Map([
      [0, 0],
      [1, 0],
      [2, 0],
    ]),
    options(),
  );
  await inbox.push(0, records(0, 10));
  await inbox.push(1, records(0, 1));
  const taken = inbox.take(6);
  expect([...taken.values()].flat()).toHaveLength(6);
  expect(taken.get(1)).toHaveLength(1);
});

test('what is put back is taken again, first and in its order', async () => {
  const inbox = new Inbox(new Map([[0, 5]]), options());
  await inbox.push(0, records(5, 6));
  const first = inbox.take(2);
  const second = inbox.take(2);
  for (const taken of [second, first]) inbox.putBack(0, taken.get(0) ?? []);
  expect(inbox.firstOffset(0)).toBe(5);
  expect(offsets(inbox.take(5))).toEqual({ 0: [5, 6, 7, 8, 9] });
});

test('a full lane holds its sender until enough was taken', async () => {
  const inbox = new Inbox(new Map([[0, 0]]), options(2));
  let sent = false;
  const sending = inbox.push(0, records(0, 4)).then(() => {
    sent = true;
  });
  await Promise.resolve();
  expect(sent).toBe(false);
  inbox.take(2);
  await sending;
});

test('nothing is taken from a blocked lane', async () => {
  const inbox = new Inbox(
    new Map([
      [0, 0],
      [1, 0],
    ]),
    options(),
  );
  await inbox.push(0, records(0, 1));
  inbox.block(0, true);
  expect(inbox.waiting).toBe(0);
  expect(inbox.take(10).size).toBe(0);
  inbox.block(0, false);
  expect(inbox.waiting).toBe(1);
});

test('an empty lane says the offset of the next record to come', async () => {
  const inbox = new Inbox(new Map([[0, 7]]), options());
  expect(inbox.firstOffset(0)).toBe(7);
  await inbox.push(0, records(7, 3));
  inbox.take(3);
  expect(inbox.firstOffset(0)).toBe(10);
});

test('records that came, and a lane that opens again, are told of', async () => {
  let told = 0;
  const inbox = new Inbox(new Map([[0, 0]]), { queueRecordsMax: 10, onWaiting: () => (told += 1) });
  await inbox.push(0, records(0, 1));
  expect(told).toBe(1);
  inbox.block(0, true);
  expect(told).toBe(1);
  inbox.block(0, false);
  expect(told).toBe(2);
});

test('closing lets senders go', async () => {
  const inbox = new Inbox(new Map([[0, 0]]), options(0));
  const sending = inbox.push(0, records(0, 1));
  inbox.close();
  await sending;
  expect(inbox.waiting).toBe(0);
});
