import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type NdjsonLine, ndjsonLines } from './ndjson-lines.ts';

test('lines come out the same however the bytes were cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\s/gu, '_'))),
      fc.integer({ min: 1, max: 7 }),
      async (lines, chunkBytes) => {
        const read = await linesOf(Buffer.from(lines.join('\n')), chunkBytes, 1_000);
        expect(read).toEqual(lines.filter((line) => line.trim() !== '').map((line) => ({ text: line.trim() })));
      },
    ),
  );
});

test('a line beyond the limit comes out as its length and the next one whole', async () => {
  const bytes = Buffer.from(`${'x'.repeat(50)}\n{"a":1}\n${'y'.repeat(30)}`);
  expect(await linesOf(bytes, 8, 20)).toEqual([{ bytes: 50 }, { text: '{"a":1}' }, { bytes: 30 }]);
});

test('a group never holds more lines than its bound', async () => {
  const groups: number[] = [];
  for await (const group of ndjsonLines(chunksOf(Buffer.from('1\n'.repeat(25)), 50), {
    lineBytesMax: 10,
    groupMax: 10,
  })) {
    groups.push(group.length);
  }
  expect(groups).toEqual([10, 10, 5]);
});

async function linesOf(bytes: Buffer, chunkBytes: number, lineBytesMax: number): Promise<NdjsonLine[]> {
  const read: NdjsonLine[] = [];
  for await (const group of ndjsonLines(chunksOf(bytes, chunkBytes), { lineBytesMax, groupMax: 100 }))
    read.push(...group);
  return read;
}

async function* chunksOf(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
}
