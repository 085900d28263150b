import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';

/**
 * Removes a folder with all below it, also where somebody has mounted a file system on a part of it, such as a
 * small one on which a disk was to run full: that is let go of first. Whether nothing is left.
 */
export function removeFolder(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    return true;
  } catch {
    const mounts = mountsBelow(folder);
    for (const mount of mounts) spawnSync('umount', ['--lazy', mount]);
    if (mounts.length === 0) return false;
  }
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    return true;
  } catch {
    return false;
  }
}

function mountsBelow(folder: string): readonly string[] {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.map((line) => line.split(' ')[4] ?? '').filter((mount) => mount.startsWith(`${folder}/`));
  } catch {
    return []; // another system has no such file
  }
}
