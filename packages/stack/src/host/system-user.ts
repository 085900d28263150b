import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StackError } from '../errors.ts';

export type SystemUser = { readonly name: string; readonly uid: number; readonly gid: number };

const CANDIDATES = ['postgres', 'nobody'];
const OTHERS_MAY_ENTER = 0o001;

/**
 * Who runs PostgreSQL, which refuses root: null for ourselves, else the first existing user made
 * for such work.
 * @throws {StackError} STACK_USER_MISSING
 */
export function choosePostgresUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of CANDIDATES) {
    const uid = readId('-u', name);
    const gid = readId('-g', name);
    if (uid !== null && gid !== null && uid !== 0) return { name, uid, gid };
  }
  throw new StackError('STACK_USER_MISSING', { context: { looked: CANDIDATES.join(', ') } });
}

/** The first folder on the way to `path` that other users may not enter; null when there is none. */
export function findClosedFolder(path: string): string | null {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat !== undefined && (stat.mode & OTHERS_MAY_ENTER) === 0) return folder;
    if (folder === dirname(folder)) return null;
  }
}

function readId(flag: string, name: string): number | null {
  try {
    return Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return null;
  }
}
