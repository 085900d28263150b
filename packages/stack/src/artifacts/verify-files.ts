import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { StackError } from '../errors.ts';
import type { ExpectedFile } from './catalogue.ts';

const LISTING = 'installed.json';

/** @throws {StackError} STACK_CHECKSUM_MISMATCH for the first file that is absent, too many or another one. */
export async function verifyFetched(folder: string, expected: readonly ExpectedFile[]): Promise<void> {
  const names = new Set(expected.map(({ name }) => name));
  const surplus = (await readdir(folder)).find((name) => !names.has(name));
  if (surplus !== undefined) {
    throw new StackError('STACK_CHECKSUM_MISMATCH', { context: { file: surplus, expected: 'no such file' } });
  }
  for (const { name, sha256 } of expected) {
    const found = await sha256Of(join(folder, name));
    if (found !== sha256)
      throw new StackError('STACK_CHECKSUM_MISMATCH', { context: { file: name, expected: sha256, found } });
  }
}

/** Writes down every installed file and its length, for the look at each start. */
export async function writeListing(folder: string): Promise<void> {
  const lengths: Record<string, number> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    lengths[path.slice(folder.length + 1)] = (await stat(path)).size;
  }
  await writeFile(join(folder, LISTING), JSON.stringify(lengths));
}

/** Whether every installed file is there with its length: cheap, and finds what a full disk or a cleaner leaves. */
export async function isComplete(folder: string): Promise<boolean> {
  try {
    const lengths = JSON.parse(await readFile(join(folder, LISTING), 'utf8')) as Record<string, number>; // ours
    const checks = await Promise.all(
      Object.entries(lengths).map(async ([path, bytes]) => (await stat(join(folder, path))).size === bytes),
    );
    return checks.length > 0 && checks.every(Boolean);
  } catch {
    return false;
  }
}

async function sha256Of(file: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
    return hash.digest('hex');
  } catch {
    return null;
  }
}
