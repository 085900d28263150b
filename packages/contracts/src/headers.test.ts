import { expect, test } from 'vitest';
import { commandHeaders, deadLetterHeaders, eventHeaders, headerText } from './headers.ts';

const timeMs = Date.UTC(2021, 0, 8, 0, 0, 0, 278);

test('a command carries CloudEvents in binary mode', () => {
  expect(commandHeaders({ commandId: 'c', type: 'PlaceOrder', source: '/gateway', timeMs })).toEqual({
    ce_specversion: '1.0',
    ce_id: 'c',
    ce_type: 'PlaceOrder',
    ce_source: '/gateway',
    ce_time: '2021-01-08T00:00:00.278Z',
    'content-type': 'application/avro',
  });
});

test('an event has the id of its place, and the trace of its command', () => {
  const place = { partition: 3, seq: 12, timeline: 2 };
  const headers = eventHeaders({
    ...place,
    type: 'OrderPlaced',
    source: '/worker',
    timeMs,
    traceparent: '00-ab-cd-01',
  });
  expect(headers).toMatchObject({ ce_id: '2/3/12', ce_type: 'OrderPlaced', traceparent: '00-ab-cd-01' });
});

test('a dead letter keeps its headers and says where it lay and why it is one', () => {
  const headers = { ce_id: Buffer.from('x'), many: ['a', Buffer.from('b')] };
  const place = { topic: 'trade-commands', partition: 1, offset: 9, timestampMs: timeMs };
  expect(deadLetterHeaders({ headers, ...place, reason: 'BAD_MAGIC', message: 'm'.repeat(5000) })).toEqual({
    ...headers,
    'original-topic': 'trade-commands',
    'original-partition': '1',
    'original-offset': '9',
    'original-timestamp': String(timeMs),
    reason: 'BAD_MAGIC',
    message: 'm'.repeat(1000),
  });
});

test('a header is read as text: the last of several, null for none', () => {
  const headers = { one: Buffer.from('é'), many: ['a', Buffer.from('b')], none: undefined, empty: [] };
  expect(['one', 'many', 'none', 'empty', 'absent', 'constructor'].map((name) => headerText(headers, name))).toEqual([
    'é',
    'b',
    null,
    null,
    null,
    null,
  ]);
});
