import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Closeable, sleep } from '@tradestream/runtime';
import { identifyProcess, isAlive, type ProcessIdentity } from './process-table.ts';

const POLL_MS = 250;

/**
 * Holds the lock file until closed. One whose holder is gone is taken over. Null when another
 * process still holds it after `timeoutMs`; `holderPid` tells who.
 */
export async function acquireFileLock(
  file: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined; readonly onWait?: () => void },
): Promise<Closeable | null> {
  mkdirSync(dirname(file), { recursive: true });
  const deadline = performance.now() + options.timeoutMs;
  for (let waited = false; !tryLock(file); waited = true) {
    if (takeOverStale(file)) continue;
    if (performance.now() >= deadline) return null;
    if (!waited) options.onWait?.();
    await sleep(POLL_MS, options.signal);
  }
  return { close: async () => rmSync(file, { force: true }) };
}

export function holderPid(file: string): number | null {
  return readHolder(file)?.pid ?? null;
}

/** The lock appears with its content in it: linked, not written, so that nobody reads half of it. */
function tryLock(file: string): boolean {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(identifyProcess(process.pid)), { mode: 0o600 });
  try {
    linkSync(own, file);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function takeOverStale(file: string): boolean {
  const holder = readHolder(file);
  if (holder === null || isAlive(holder)) return false;
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return true; // someone else was first; look again
  }
  const moved = readHolder(aside);
  // Between the look and the rename another process may have taken over: it gets its lock back.
  if (moved !== null && isAlive(moved)) renameSync(aside, file);
  else rmSync(aside, { force: true });
  return true;
}

function readHolder(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity; // written by tryLock alone, whole
  } catch {
    return null;
  }
}
