import { describe, expect, test } from 'vitest';
import { arrays, withColumnMemory } from './arrays.ts';
import { ColumnMemory } from './binary-writer.ts';

/** The elements of an array in PostgreSQL's binary form, by its description; null for a null. */
function readArray(bytes: Buffer): { readonly oid: number; readonly elements: readonly (Buffer | null)[] } {
  const dimensions = bytes.readInt32BE(0);
  const oid = bytes.readInt32BE(8);
  if (dimensions === 0) {
    expect(bytes.length).toBe(12);
    return { oid, elements: [] };
  }
  expect([dimensions, bytes.readInt32BE(16)]).toEqual([1, 1]);
  const elements: (Buffer | null)[] = [];
  let at = 20;
  for (let left = bytes.readInt32BE(12); left > 0; left -= 1) {
    const length = bytes.readInt32BE(at);
    at += 4;
    elements.push(length === -1 ? null : bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  expect(at).toBe(bytes.length);
  expect(bytes.readInt32BE(4)).toBe(elements.includes(null) ? 1 : 0);
  return { oid, elements };
}

function hexOf(bytes: Buffer): readonly (string | null)[] {
  return readArray(bytes).elements.map((element) => element?.toString('hex') ?? null);
}

test('an array without elements has no dimension', () => {
  expect(readArray(arrays.text([]))).toEqual({ oid: 25, elements: [] });
  expect(readArray(arrays.numeric18([]))).toEqual({ oid: 1_700, elements: [] });
});

test('each type has its object id', () => {
  const oids = [
    arrays.bool([true]),
    arrays.bytea([Buffer.alloc(1)]),
    arrays.int8([1]),
    arrays.int4([1]),
    arrays.text(['a']),
    arrays.timestamptzMicros([0]),
    arrays.numeric18([1n]),
    arrays.uuid(['00000000-0000-0000-0000-000000000000']),
  ].map((bytes) => readArray(bytes).oid);
  expect(oids).toEqual([16, 17, 20, 23, 25, 1184, 1_700, 2_950]);
});

test('nulls stay null in every type', () => {
  const all = [
    arrays.bool([null, true]),
    arrays.bytea([null, Buffer.of(1)]),
    arrays.int8([null, 1n]),
    arrays.int4([null, 1]),
    arrays.text([null, '']),
    arrays.timestamptzMicros([null, 0]),
    arrays.numeric18([null, 1n]),
    arrays.uuid([null, '00000000-0000-0000-0000-000000000000']),
  ];
  for (const bytes of all) {
    const { elements } = readArray(bytes);
    expect([elements.length, elements[0], elements[1] instanceof Buffer]).toEqual([2, null, true]);
  }
});

test('text is UTF-8, short and long, ASCII and not', () => {
  const texts = [
    '',
    'plain',
    'äöü €',
    '😀 𝄞',
    'x'.repeat(39),
    'x'.repeat(40),
    'x'.repeat(41),
    `${'x'.repeat(39)}é`,
    '\n\t"\\',
  ];
  const { elements } = readArray(arrays.text(texts));
  expect(elements.map((element) => element?.toString('utf8'))).toEqual(texts);
});

test('whole numbers of 32 and 64 bits keep sign and every bit', () => {
  expect(hexOf(arrays.int4([0, -1, 2_147_483_647, -2_147_483_648]))).toEqual([
    '00000000',
    'ffffffff',
    '7fffffff',
    '80000000',
  ]);
  const numbers = [
    0,
    -1,
    1,
    4_294_967_295,
    4_294_967_296,
    -4_294_967_297,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ];
  const bigints = [...numbers.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n)];
  const read = (bytes: Buffer) => readArray(bytes).elements.map((element) => element?.readBigInt64BE(0));
  expect(read(arrays.int8(numbers))).toEqual(numbers.map(BigInt));
  expect(read(arrays.int8(bigints))).toEqual(bigints);
});

test('a number that does not fit is refused, and the next array is whole', () => {
  expect(() => arrays.int4([1, 2_147_483_648])).toThrow(RangeError);
  expect(() => arrays.int8([2n ** 63n])).toThrow(RangeError);
  expect(hexOf(arrays.int4([7]))).toEqual(['00000007']);
});

test('booleans and bytes are themselves', () => {
  expect(hexOf(arrays.bool([true, false]))).toEqual(['01', '00']);
  expect(hexOf(arrays.bytea([Buffer.of(0, 255), new Uint8Array(0)]))).toEqual(['00ff', '']);
});

test('times count from 2000', () => {
  const micros = [0, Date.UTC(2000, 0, 1) * 1_000, Date.UTC(2200, 11, 31) * 1_000 + 7];
  const { elements } = readArray(arrays.timestamptzMicros(micros));
  expect(elements.map((element) => Number(element?.readBigInt64BE(0)) + Date.UTC(2000, 0, 1) * 1_000)).toEqual(micros);
});

test('an array larger than the buffer is whole, and so is the small one after it', () => {
  const long = 'y'.repeat(3_000_000);
  expect(readArray(arrays.text([long, 'z', long])).elements.map((element) => element?.length)).toEqual([3e6, 1, 3e6]);
  const many = Array.from({ length: 400_000 }, (_, index) => index);
  expect(readArray(arrays.int4(many)).elements.map((element) => element?.readInt32BE(0))).toEqual(many);
  expect(hexOf(arrays.int4([1]))).toEqual(['00000001']);
});

test('an array that was taken does not change with the next', () => {
  const first = arrays.int4([1, 2]);
  arrays.int4([3, 4]);
  expect(hexOf(first)).toEqual(['00000001', '00000002']);
});

describe('uuid', () => {
  test('is its sixteen bytes, whatever the case', () => {
    const expected = ['49e75fef5dfc5e81864a4a8d193687ca'];
    expect(hexOf(arrays.uuid(['49e75fef-5dfc-5e81-864a-4a8d193687ca']))).toEqual(expected);
    expect(hexOf(arrays.uuid(['49E75FEF-5DFC-5E81-864A-4A8D193687CA']))).toEqual(expected);
  });

  test('of any other form is refused', () => {
    const wrong = [
      '',
      '49e75fef5dfc5e81864a4a8d193687ca',
      '49e75fef-5dfc-5e81-864a-4a8d193687c',
      '49e75fef-5dfc-5e81-864a-4a8d193687ca0',
      '49e75fef-5dfc-5e81-864a-4a8d193687cg',
      '{9e75fef-5dfc-5e81-864a-4a8d193687c}',
      '49-e75fef5dfc-5e81-864a-4a8d193687ca',
      '49e75fef-5dfc-5e81-864a4a8d193687caab',
      '49e75fef5dfc-5e81-864a-4a8d193687caab',
      '----49e75fef5dfc5e81864a4a8d193687ca',
    ];
    for (const value of wrong) expect(() => arrays.uuid([value]), value).toThrow(TypeError);
  });
});

test('columns in a memory of their own stay as they were while more are made, and while it grows', () => {
  const memory = new ColumnMemory();
  const makers = [
    () => arrays.text(['a', null, 'é']),
    () => arrays.int8([1, 2n, null]),
    () => arrays.bytea([Buffer.alloc(700_000, 1)]),
    () => arrays.numeric18([10n ** 30n, 0n]),
    () => arrays.bytea([Buffer.alloc(900_000, 2)]),
    () => arrays.uuid([]),
  ];
  const alone = makers.map((make) => make());
  for (let round = 0; round < 3; round += 1) {
    const kept = withColumnMemory(memory, () => makers.map((make) => make()));
    expect(kept.map((bytes, index) => bytes.equals(alone[index] ?? Buffer.alloc(0)))).toEqual(makers.map(() => true));
    memory.reuse();
  }
  expect(arrays.text(['a', null, 'é']).equals(alone[0] ?? Buffer.alloc(0))).toBe(true);
});

test('a memory that is used again holds the new columns where the old ones were', () => {
  const memory = new ColumnMemory();
  const first = withColumnMemory(memory, () => arrays.int4([1]));
  memory.reuse();
  const second = withColumnMemory(memory, () => arrays.int4([2]));
  expect(first.equals(second)).toBe(true);
});

test('a number that its type cannot hold is refused', () => {
  for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN])
    expect(() => arrays.int4([value])).toThrow(RangeError);
  for (const value of [2 ** 53, 0.5, Number.NaN]) expect(() => arrays.int8([value])).toThrow(RangeError);
});
