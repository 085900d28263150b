import { expect, test } from 'vitest';
import { TRADE_COMMAND_SCHEMA } from '../generated/trade-command.ts';
import { TRADE_EVENT_SCHEMA } from '../generated/trade-event.ts';
import { findUnreadable } from './schema-differences.ts';
import { layoutOf, parseSchemaModel } from './schema-model.ts';

const record = (...fields: readonly object[]) =>
  parseSchemaModel(JSON.stringify({ type: 'record', name: 'R', fields }));
const ofType = (type: unknown) => record({ name: 'f', type });

test('each of our schemas reads itself', () => {
  for (const text of [TRADE_COMMAND_SCHEMA, TRADE_EVENT_SCHEMA]) {
    expect(findUnreadable(parseSchemaModel(text), parseSchemaModel(text))).toBeNull();
  }
});

test('a new field with a default, anywhere in an event, is compatible both ways', () => {
  const places = TRADE_EVENT_SCHEMA.split('"fields":[').length - 1;
  for (let place = 1; place <= places; place += 1) {
    const parts = TRADE_EVENT_SCHEMA.split('"fields":[');
    const next = `${parts.slice(0, place).join('"fields":[')}"fields":[{"name":"added","type":["null","string"],"default":null},${parts.slice(place).join('"fields":[')}`;
    const [older, newer] = [parseSchemaModel(TRADE_EVENT_SCHEMA), parseSchemaModel(next)];
    expect(findUnreadable(older, newer)).toBeNull();
    expect(findUnreadable(newer, older)).toBeNull();
    expect(layoutOf(older)).not.toBe(layoutOf(newer));
  }
});

test('a new field without a default is named, with the record that lacks it', () => {
  const newer = parseSchemaModel(
    TRADE_EVENT_SCHEMA.replace('{"name":"held"', '{"name":"frozen","type":"long"},{"name":"held"'),
  );
  expect(findUnreadable(newer, parseSchemaModel(TRADE_EVENT_SCHEMA))).toEqual({
    field: 'event.balances.frozen',
    rule: 'tradestream.Balance lacks it and it has no default',
  });
});

test('what Avro promotes is readable and what it does not is named', () => {
  expect(findUnreadable(ofType('long'), ofType('int'))).toBeNull();
  expect(findUnreadable(ofType('double'), ofType('long'))).toBeNull();
  expect(findUnreadable(ofType('bytes'), ofType('string'))).toBeNull();
  expect(findUnreadable(ofType('int'), ofType('long'))).toEqual({ field: 'f', rule: 'long is not readable as int' });
  expect(findUnreadable(ofType('string'), ofType('int'))).toMatchObject({ field: 'f' });
  expect(findUnreadable(ofType({ type: 'array', items: 'int' }), ofType({ type: 'map', values: 'int' }))).toMatchObject(
    { field: 'f' },
  );
});

test('a union reads each branch that it has, and one that it lacks is named', () => {
  expect(findUnreadable(ofType(['null', 'long']), ofType('int'))).toBeNull();
  expect(findUnreadable(ofType(['null', 'string']), ofType(['string', 'null']))).toBeNull();
  expect(findUnreadable(ofType('string'), ofType(['null', 'string']))).toEqual({
    field: 'f',
    rule: 'null is not readable as string',
  });
  expect(findUnreadable(ofType(['null', 'string']), ofType(['null', 'long']))).toEqual({
    field: 'f',
    rule: 'no branch reads long',
  });
});

test('an enum reads the symbols it knows, and others only with a default', () => {
  const kind = (symbols: readonly string[], extra = {}) => ofType({ type: 'enum', name: 'K', symbols, ...extra });
  expect(findUnreadable(kind(['a', 'b']), kind(['a']))).toBeNull();
  expect(findUnreadable(kind(['a']), kind(['a', 'b']))).toEqual({ field: 'f', rule: 'the symbol b is not known' });
  expect(findUnreadable(kind(['a'], { default: 'a' }), kind(['a', 'b']))).toBeNull();
});

test('names count: records, fixeds and aliases', () => {
  const fixed = (name: string, size: number) => ofType({ type: 'fixed', name, size });
  expect(findUnreadable(fixed('A', 2), fixed('A', 3))).toEqual({ field: 'f', rule: 'the sizes differ' });
  expect(findUnreadable(fixed('A', 2), fixed('B', 2))).toMatchObject({ field: 'f' });
  const renamed = ofType({ type: 'fixed', name: 'A', size: 2, aliases: ['B'] });
  expect(findUnreadable(renamed, fixed('B', 2))).toBeNull();
  expect(findUnreadable(record({ name: 'g', type: 'int', aliases: ['f'] }), ofType('int'))).toBeNull();
});

test('schemas that hold themselves are compared to an end', () => {
  const tree = (leaf: string) =>
    parseSchemaModel(
      `{"type":"record","name":"T","fields":[{"name":"kids","type":{"type":"array","items":"T"}},{"name":"leaf","type":"${leaf}"}]}`,
    );
  expect(findUnreadable(tree('long'), tree('int'))).toBeNull();
  expect(findUnreadable(tree('int'), tree('string'))).toEqual({ field: 'leaf', rule: 'string is not readable as int' });
});

test('texts that are no schemas are refused', () => {
  const deep = '{"type":"array","items":'.repeat(100) + '"int"' + '}'.repeat(100);
  const twice = '[{"type":"fixed","name":"A","size":1},{"type":"fixed","name":"A","size":1}]';
  for (const text of ['1', '"nope"', '{"type":"record","name":"R"}', '{"type":"enum","symbols":[]}', deep, twice]) {
    expect(() => parseSchemaModel(text)).toThrow();
  }
});
