import { expect, test } from 'vitest';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import { parseAvroSchema } from './avro-types.ts';
import { decodeCommand, encodeCommand } from './command-codec.ts';
import { decodeEvent, encodeEvent } from './event-codec.ts';
import { parseWriterSchema } from './writer-schema.ts';

const deposit = {
  commandId: null,
  command: { type: 'DepositFunds', userId: 'u', asset: 'USD', amount: -129n },
} as const;
const balance = { userId: 'u', asset: 'USD', available: 5n, held: 0n, version: 2 ** 53 - 1 };
const envelope = {
  partition: 1,
  seq: 2 ** 53 - 1,
  timeline: 1,
  batch: 9,
  commandId: 'x',
  occurredAt: -1,
  event: { type: 'FundsDeposited', userId: 'u', asset: 'USD', amount: 5n, balances: [balance], orders: [] },
} as const;

/** The schema text with a change: a foreign producer's, or another release's. */
const changed = (text: string, from: string, to: string) => {
  expect(text).toContain(from);
  return text.replace(from, to);
};
const withField = (field: string) =>
  changed(TRADE_COMMAND_SCHEMA, '{"name":"userId","type":"string"}', `${field},{"name":"userId","type":"string"}`);
/** Bytes of `deposit` with those of a field added before the user. */
const widened = (hex: string) => {
  const bytes = encodeCommand(deposit);
  return Buffer.concat([bytes.subarray(0, 2), Buffer.from(hex, 'hex'), bytes.subarray(2)]);
};

test('the registered text is read by our own codec, however it is formatted', () => {
  const schema = parseWriterSchema(JSON.stringify(JSON.parse(TRADE_COMMAND_SCHEMA), null, 2));
  expect(decodeCommand(encodeCommand(deposit), schema)).toStrictEqual(deposit);
});

test('a field that only the writer has is skipped', () => {
  const schema = parseWriterSchema(withField('{"name":"memo","type":"string"}'));
  expect(decodeCommand(widened('0461 62'.replace(' ', '')), schema)).toStrictEqual(deposit);
});

test('a field that only we have takes its default', () => {
  const orders = /,\{"name":"orders","type":"Order","default":\[\]\}/;
  expect(orders.test(TRADE_EVENT_SCHEMA)).toBe(false);
  const json = JSON.parse(TRADE_EVENT_SCHEMA, (name, value: unknown) =>
    name === 'fields' && Array.isArray(value) ? value.filter((field) => !isWithdrawnOrders(field)) : value,
  );
  const text = JSON.stringify(json);
  const withdrawn = { ...envelope, event: { ...envelope.event, type: 'FundsWithdrawn' as const } };
  const written = encodeEvent(withdrawn).subarray(0, -1);
  expect(text.length).toBeLessThan(TRADE_EVENT_SCHEMA.length);
  expect(decodeEvent(written, parseWriterSchema(text))).toStrictEqual(withdrawn);
});

test('decimals and longs are exact through the resolver', () => {
  const text = changed(
    TRADE_EVENT_SCHEMA,
    '{"name":"partition","type":"int"}',
    '{"name":"partition","type":"int"},{"name":"x","type":"null"}',
  );
  expect(decodeEvent(encodeEvent(envelope), parseWriterSchema(text))).toStrictEqual(envelope);
});

test('an amount or a number too wide is malformed through the resolver as well', () => {
  const schema = parseWriterSchema(withField('{"name":"x","type":"null"}'));
  const bytes = encodeCommand(deposit);
  const wide = Buffer.concat([bytes.subarray(0, -3), Buffer.from(`22${'7f'.padEnd(34, '0')}`, 'hex')]);
  expect(() => decodeCommand(wide, schema)).toThrow(
    expect.objectContaining({ code: 'MALFORMED', context: expect.objectContaining({ field: 'amount' }) }),
  );
});

test('a decimal of another scale and a time in another unit are refused, not misread', () => {
  const scale = parseWriterSchema(changed(TRADE_COMMAND_SCHEMA, '"scale":18', '"scale":8'));
  const unit = parseWriterSchema(changed(TRADE_COMMAND_SCHEMA, 'timestamp-micros', 'timestamp-millis'));
  for (const schema of [scale, unit]) {
    expect(() => decodeCommand(encodeCommand(deposit), schema)).toThrow(
      expect.objectContaining({ code: 'WRITER_SCHEMA_UNREADABLE', retry: 'never' }),
    );
  }
});

test('a schema that is another record, or none, is unreadable for each value', () => {
  for (const text of [
    '{"type":"record","name":"Other","fields":[]}',
    '"string"',
    'no json',
    '{"type":"recor"}',
    'null',
  ]) {
    const schema = parseWriterSchema(text);
    for (let time = 0; time < 2; time += 1) {
      expect(() => decodeCommand(Buffer.of(0), schema)).toThrow(
        expect.objectContaining({ code: 'WRITER_SCHEMA_UNREADABLE' }),
      );
    }
  }
});

test('a foreign array of 67 million nulls is refused by our own walk, at its 1,001st item', () => {
  const schema = parseWriterSchema(withField('{"name":"bomb","type":{"type":"array","items":"null"}}'));
  expect(decodeCommand(widened('d00f00'), schema)).toStrictEqual(deposit);
  for (const [tooMany, countEnd] of [
    ['d20f00', 4],
    ['8080804000', 6],
  ] as const) {
    expect(() => decodeCommand(widened(tooMany), schema)).toThrow(
      expect.objectContaining({
        code: 'UNDECODABLE',
        message: expect.stringContaining('more than 1000 items that take no bytes'),
        context: { field: 'bomb', at: countEnd },
      }),
    );
  }
});

test('a block that lies about its bytes and a value nested without end are refused', () => {
  const list = parseWriterSchema(withField('{"name":"list","type":{"type":"array","items":"int"}}'));
  expect(() => decodeCommand(widened('01fe0f0200'), list)).toThrow(expect.objectContaining({ code: 'UNDECODABLE' }));
  expect(decodeCommand(widened('01020200'), list)).toStrictEqual(deposit);
  const chain =
    '{"name":"chain","type":{"type":"record","name":"Chain","fields":[{"name":"next","type":["null","Chain"]}]}}';
  const nested = parseWriterSchema(withField(chain));
  expect(decodeCommand(widened('020200'), nested)).toStrictEqual(deposit);
  expect(() => decodeCommand(widened(`${'02'.repeat(50_000)}00`), nested)).toThrow(
    expect.objectContaining({ code: 'UNDECODABLE' }),
  );
});

test('values of every foreign shape are walked to their end', () => {
  const shapes = {
    type: 'record',
    name: 'Shapes',
    fields: [
      { name: 'flag', type: 'boolean' },
      { name: 'ratio', type: 'double' },
      { name: 'small', type: 'float' },
      { name: 'raw', type: { type: 'fixed', name: 'Raw', size: 3 } },
      { name: 'map', type: { type: 'map', values: 'long' } },
      { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['a', 'b'] } },
    ],
  };
  const value = { flag: true, ratio: 1.5, small: 2, raw: Buffer.from('abc'), map: { a: 2n ** 60n, b: -1n }, kind: 'b' };
  const bytes = parseAvroSchema(JSON.stringify(shapes)).toBuffer(value);
  const schema = parseWriterSchema(withField(JSON.stringify({ name: 'shapes', type: shapes })));
  expect(decodeCommand(widened(bytes.toString('hex')), schema)).toStrictEqual(deposit);
});

function isWithdrawnOrders(field: unknown): boolean {
  return JSON.stringify(field) === '{"name":"orders","type":{"type":"array","items":"Order"},"default":[]}';
}
