import { ContractError } from '@tradestream/contracts';
import type { LogRecord } from '@tradestream/messaging';
import { expect, test } from 'vitest';
import { decodeRecord, recordHash, schemaIdOf, TIMESTAMP_MS } from './decode-record.ts';
import { SchemaBook } from './schema-book.ts';

/** Nothing here gets as far as a schema. */
const nobody = async () => {
  throw new ContractError('REGISTRY_UNAVAILABLE');
};
const options = {
  schemas: new SchemaBook({ register: nobody, schemaText: nobody }),
  clusterId: 'cluster',
  recordBytesMax: 100,
};

test.each([TIMESTAMP_MS.min - 1, TIMESTAMP_MS.max + 1, Number.MAX_SAFE_INTEGER])(
  'a record of the time %i is set aside: no event could carry it',
  (timestampMs) => {
    expect(decodeRecord(record({ timestampMs }), options)).toMatchObject({ kind: 'poison', reason: 'MALFORMED' });
  },
);

test('a value is set aside before it is read when it is absent or larger than is taken', () => {
  expect(decodeRecord(record({ value: null }), options)).toMatchObject({ reason: 'NULL_VALUE' });
  expect(decodeRecord(record({ value: Buffer.alloc(101) }), options)).toMatchObject({ reason: 'TOO_LARGE' });
});

test('a schema id is any 32 bits without a sign, and only of a framed value', () => {
  expect(schemaIdOf(record({ value: Buffer.from([0, 0xff, 0xff, 0xff, 0xff]) }))).toBe(2 ** 32 - 1);
  expect(schemaIdOf(record({ value: Buffer.from([1, 0, 0, 0, 1]) }))).toBeNull();
  expect(schemaIdOf(record({ value: Buffer.from([0, 0, 0, 1]) }))).toBeNull();
});

test('the hash of a record tells key from value, and one time from another', () => {
  const one = record({ key: Buffer.from('ab'), value: Buffer.from('c') });
  expect(recordHash(one).equals(recordHash({ ...one, offset: 99 }))).toBe(true);
  expect(recordHash(one).equals(recordHash({ ...one, key: Buffer.from('a'), value: Buffer.from('bc') }))).toBe(false);
  expect(recordHash(one).equals(recordHash({ ...one, timestampMs: 1 }))).toBe(false);
});

function record(given: Partial<LogRecord>): LogRecord {
  return {
    topic: 't',
    partition: 0,
    offset: 0,
    timestampMs: 0,
    key: null,
    value: Buffer.alloc(0),
    headers: {},
    ...given,
  };
}
