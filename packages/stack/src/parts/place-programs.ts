import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findClosedFolder, type SystemUser } from '../host/system-user.ts';

const run = promisify(execFile);

/**
 * Where PostgreSQL's user can reach the programs: the cache itself, or, where that lies in somebody's
 * closed home, links to it in the run's folder (copies, where that is another disk).
 */
export async function placePrograms(
  installFolder: string,
  temporaryFolder: string,
  user: SystemUser | null,
): Promise<string> {
  if (user === null || findClosedFolder(installFolder) === null) return installFolder;
  const placed = join(temporaryFolder, 'postgres');
  try {
    await run('cp', ['-al', installFolder, placed]);
  } catch {
    await run('cp', ['-a', `${installFolder}/.`, placed]);
  }
  return placed;
}
