import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findRepeatedFields } from './repeated-fields.ts';

test('a field that occurs twice is named with the index of its object', () => {
  expect(findRepeatedFields('{"a":1,"b":{"a":2}}').size).toBe(0);
  expect([...findRepeatedFields('{"a":1, "a" : 2}')]).toEqual([[0, 'a']]);
  expect([...findRepeatedFields(' [{"a":1},{"b":1,"b":2},{"c":[1,2]},{"c":1,"c":2}]')]).toEqual([
    [1, 'b'],
    [3, 'c'],
  ]);
});

test('an escaped spelling of the same name is the same field', () => {
  expect([...findRepeatedFields('{"a":1,"\\u0061":2}')]).toEqual([[0, 'a']]);
});

test('quotes, commas and brackets inside strings are no structure', () => {
  expect(findRepeatedFields('[{"a":"x\\",\\"a\\":1,[{"},{"a":"],{"}]').size).toBe(0);
});

test('what JSON.stringify writes never repeats a field', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (objects) => {
      expect(findRepeatedFields(JSON.stringify(objects)).size).toBe(0);
    }),
  );
});
