import { createHash } from 'node:crypto';
import { v5 } from 'uuid';
import { expect, test } from 'vitest';
import {
  fileCommandId,
  NAMESPACE,
  newCommandId,
  normaliseUuid,
  recordCommandId,
  resolveCommandId,
  tradeCommandId,
} from './ids.ts';

const record = { clusterId: 'c1', topic: 'trade-commands', partition: 2, offset: 7, timestampMs: 1_610_064_000_278 };
const cancel = { type: 'CancelOrder', orderId: 'o-1', symbol: 'BTC-USD' } as const;
const trade = {
  type: 'ExecuteTrade',
  tradeId: '99',
  symbol: 'BTC-USD',
  buyOrderId: 'b',
  sellOrderId: 's',
  price: 1n,
  quantity: 1n,
  executedAt: 0,
} as const;
const id = '0190a5c4-7b1e-7c3a-9f4e-2b8d1a6c5e3f';

/** RFC 9562, section 5.5, written out: what the library must agree with. */
function uuidV5(name: string, namespace: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

test('the namespace is that of the name tradestream in DNS', () => {
  expect(v5('www.example.com', v5.DNS)).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  expect(v5('tradestream', v5.DNS)).toBe(NAMESPACE);
});

test('ids made from names are UUIDv5 of the documented names', () => {
  expect(tradeCommandId('BTC-USD', '99')).toBe(uuidV5('BTC-USD/99', NAMESPACE));
  expect(fileCommandId('ab12', 3)).toBe(uuidV5('ab12/3', NAMESPACE));
  expect(fileCommandId('ab12', 3, 2)).toBe(uuidV5('ab12/3/2', NAMESPACE));
  expect(recordCommandId(record)).toBe(uuidV5('c1/trade-commands/2/7/1610064000278', NAMESPACE));
});

test('new ids are of version 7 and in the order of time', () => {
  const ids = Array.from({ length: 100 }, () => newCommandId());
  expect(ids.every((each) => each[14] === '7')).toBe(true);
  expect(ids.toSorted()).toEqual(ids);
});

test('a UUID is compared in lower case and other texts are none', () => {
  expect(normaliseUuid(id.toUpperCase())).toBe(id);
  for (const text of ['', `{${id}}`, `${id} `, id.replaceAll('-', ''), `${id}\n`, id.replace('0', 'g')]) {
    expect(normaliseUuid(text)).toBeNull();
  }
});

test('the field is the id, and a header may only agree with it', () => {
  const resolve = (commandId: string, ceId: string | null) =>
    resolveCommandId({ commandId, ceId, command: cancel, record });
  expect(resolve(id.toUpperCase(), null)).toEqual({ ok: true, commandId: id });
  expect(resolve(id, id.toUpperCase())).toEqual({ ok: true, commandId: id });
  expect(resolve(id, newCommandId())).toEqual({ ok: false, field: 'commandId', rule: 'equal to the header ce_id' });
  expect(resolve('nonsense', 'nonsense')).toEqual({ ok: false, field: 'commandId', rule: 'a UUID' });
});

test('without the field the header is not read: the trade or the place gives the id', () => {
  const without = { commandId: null, ceId: id, record };
  expect(resolveCommandId({ ...without, command: trade })).toEqual({
    ok: true,
    commandId: tradeCommandId('BTC-USD', '99'),
  });
  expect(resolveCommandId({ ...without, command: cancel })).toEqual({ ok: true, commandId: recordCommandId(record) });
});
