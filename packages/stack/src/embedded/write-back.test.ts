import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WriteBack } from './write-back.ts';

const PATIENCE = { timeout: 20_000 };
/** Longer than what was written last is looked at again. */
const QUIET_MS = 500;
const LARGE = 'a'.repeat(5_000_000);

test('large tables are begun to be written once after each change; others are not, and none is changed', async () => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'write-back-'));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const folder = join(dataFolder, 'base', '5');
  mkdirSync(folder, { recursive: true });
  const [fresh, still] = [join(folder, '16384.1'), join(folder, '16385')];
  const begun: string[] = [];
  writeFileSync(still, LARGE);
  utimesSync(still, 1_000, 1_000);
  const writeBack = new WriteBack({
    dataFolders: [join(dataFolder, 'absent'), dataFolder],
    everyMs: 50,
    onBegun: (files) => begun.push(...files),
  });
  writeFileSync(join(folder, '2619'), LARGE); // a catalogue
  writeFileSync(join(folder, '16386'), LARGE.slice(0, 100_000));
  writeFileSync(fresh, LARGE);
  const { mtimeMs } = statSync(fresh);
  await vi.waitFor(() => expect(new Set(begun)).toEqual(new Set([fresh])), PATIENCE);
  expect(statSync(fresh).mtimeMs).toBe(mtimeMs);
  await sleep(QUIET_MS);
  begun.length = 0;
  await sleep(QUIET_MS);
  expect(begun).toEqual([]);
  writeFileSync(fresh, LARGE);
  await vi.waitFor(() => expect(new Set(begun)).toEqual(new Set([fresh])), PATIENCE);
  await writeBack.close();
  for (const file of [fresh, still]) expect(readFileSync(file, 'utf8')).toBe(LARGE);
});
