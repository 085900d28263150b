import { describe, expect, test } from 'vitest';
import { withColumnMemory } from './arrays.ts';
import { ColumnMemory } from './binary-writer.ts';
import { type CopyInput, copyInto, copyUnnumbered } from './copy-rows.ts';

/** The rows of a binary COPY, by the description of its format; null for a null. */
function readCopy(bytes: Buffer): readonly (readonly (Buffer | null)[])[] {
  expect(bytes.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0');
  expect(bytes.readInt32BE(11)).toBe(0);
  let at = 19 + bytes.readInt32BE(15);
  const rows: (Buffer | null)[][] = [];
  for (;;) {
    const count = bytes.readInt16BE(at);
    at += 2;
    if (count === -1) break;
    const row: (Buffer | null)[] = [];
    for (let left = count; left > 0; left -= 1) {
      const length = bytes.readInt32BE(at);
      at += 4;
      row.push(length === -1 ? null : bytes.subarray(at, at + length));
      at += Math.max(0, length);
    }
    rows.push(row);
  }
  expect(at).toBe(bytes.length);
  return rows;
}

const NUMBERS: CopyInput<number | null> = {
  schema: 'ledger',
  table: 'events',
  columns: ['seq', 'offset'],
  rows: [1, null, -1],
  write(to, row, at) {
    to.int8(row);
    to.int4(at);
  },
};

test('rows stand one behind the other with as many fields as there are columns', () => {
  const rows = readCopy(copyInto(NUMBERS).copy);
  expect(rows.map((row) => row.map((field) => field?.toString('hex') ?? null))).toEqual([
    ['0000000000000001', '00000000'],
    [null, '00000001'],
    ['ffffffffffffffff', '00000002'],
  ]);
  expect(readCopy(copyInto({ ...NUMBERS, rows: [] }).copy)).toEqual([]);
});

test('names are quoted, so that none is a keyword or an end of the statement', () => {
  const { text, name } = copyInto({ ...NUMBERS, columns: ['offset', 'a"b'] });
  expect(text).toBe('COPY "ledger"."events" ("offset", "a""b") FROM STDIN (FORMAT binary)');
  expect(name).toBe('copy_ledger_events');
});

test('bytes that stand elsewhere are put into their field', () => {
  const packed = {
    sizeOf: (at: number) => at,
    writeTo: (at: number, to: Buffer, start: number) => to.fill(at, start, start + at),
  };
  const copy = copyInto({
    ...NUMBERS,
    rows: [0, 0, 0],
    columns: ['payload'],
    write: (to, _, at) => to.packed(packed, at),
  });
  expect(readCopy(copy.copy)).toEqual([[Buffer.alloc(0)], [Buffer.of(1)], [Buffer.of(2, 2)]]);
});

describe('a number that becomes known later', () => {
  const rows = Array.from({ length: 5_000 }, (_, index) => `user-${index}`);
  const input = {
    schema: 's',
    table: 't',
    columns: ['key'],
    rows,
    write: (to, row) => to.text(row),
  } satisfies CopyInput<string>;

  test('is the first column of every row, whatever its memory did meanwhile', () => {
    const memory = new ColumnMemory();
    const [one, other] = withColumnMemory(memory, () => [
      copyUnnumbered('batch', input),
      copyUnnumbered('batch', input),
    ]);
    expect(one.statement.text).toContain('("batch", "key")');
    one.fill(2 ** 40);
    for (const [copied, number] of [
      [one, 2n ** 40n],
      [other, 0n],
    ] as const) {
      const read = readCopy(copied.statement.copy);
      expect(read).toHaveLength(rows.length);
      expect(new Set(read.map(([batch]) => batch?.readBigInt64BE()))).toEqual(new Set([number]));
      expect(read.map(([, key]) => key?.toString())).toEqual(rows);
    }
  });

  test('may be told again, negative too', () => {
    const { statement, fill } = copyUnnumbered('batch', input);
    fill(7);
    fill(-8);
    expect(readCopy(statement.copy)[0]?.[0]?.readBigInt64BE()).toBe(-8n);
  });
});
