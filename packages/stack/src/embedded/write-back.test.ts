import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WriteBack } from './write-back.ts';

test('tables that were written lately are begun to be written, others are not, and none is changed', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'write-back-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const folder = join(dataFolder, 'base', '5');
  mkdirSync(folder, { recursive: true });
  const [fresh, still, catalogue] = [join(folder, '16384.1'), join(folder, '16385'), join(folder, '2619')];
  for (const file of [fresh, still, catalogue]) writeFileSync(file, 'a'.repeat(100_000));
  utimesSync(still, 1_000, 1_000);
  const { mtimeMs } = statSync(fresh);
  const begun = Promise.withResolvers<readonly string[]>();
  const dataFolders = [join(dataFolder, 'absent'), dataFolder];
  const writeBack = new WriteBack({ dataFolders, everyMs: 20, onBegun: begun.resolve });
  expect(await begun.promise).toEqual([fresh]);
  await writeBack.close();
  for (const file of [fresh, still]) expect(readFileSync(file, 'utf8')).toBe('a'.repeat(100_000));
  expect(statSync(fresh).mtimeMs).toBe(mtimeMs);
});
