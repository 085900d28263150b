import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '0.1.0';
const OUTPUT_BYTES_MAX = 64_000_000;

/** The checker's program where it is installed; null where it is not. */
export function findAdya(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), '.cargo', 'bin'), installFolder()];
  return folders.map((folder) => join(folder, 'adya')).find((file) => existsSync(file)) ?? null;
}

/** The checker alone, built by Rust's own installer; once, a minute or two. @throws without cargo or its registry */
export async function installAdya(): Promise<string> {
  const root = join(installFolder(), '..');
  await run('cargo', ['install', 'adya', '--version', VERSION, '--locked', '--no-default-features', '--root', root]);
  return join(installFolder(), 'adya');
}

/** What a history breaks of a consistency model, in the checker's words; null when it keeps it. */
export async function checkHistory(adya: string, file: string, model: string): Promise<string | null> {
  try {
    await run(adya, ['check', '--consistency-models', model, file], { maxBuffer: OUTPUT_BYTES_MAX });
    return null;
  } catch (error) {
    const { code, stdout = '' } = error as { code?: unknown; stdout?: string }; // what execFile rejects with
    if (code === 1) return stdout;
    throw error;
  }
}

function installFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradestream', `adya-${VERSION}`, 'bin');
}
