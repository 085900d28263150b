import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WriteBack } from './write-back.ts';

test('files that have grown are begun to be written, others are not, and none is changed', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'write-back-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const folder = join(dataFolder, 'base', '5');
  mkdirSync(folder, { recursive: true });
  const [growing, still] = [join(folder, '16384'), join(folder, 'it is\'s "still"')];
  for (const file of [growing, still]) writeFileSync(file, 'a'.repeat(100_000));
  const begun: string[] = [];
  const next = Promise.withResolvers<void>();
  const writeBack = new WriteBack({
    dataFolders: [dataFolder, join(dataFolder, 'absent')],
    everyMs: 20,
    onBegun: (files) => {
      begun.push(...files);
      next.resolve();
    },
  });
  const growth = setInterval(() => appendFileSync(growing, 'b'.repeat(10_000)), 10);
  await next.promise;
  clearInterval(growth);
  await writeBack.close();
  expect(new Set(begun)).toEqual(new Set([growing]));
  expect(readFileSync(growing, 'utf8')).toMatch(/^a{100000}(b{10000})+$/u);
  expect(statSync(still).size).toBe(100_000);
});
