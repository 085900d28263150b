import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Left for the log of the database when its disk begins to be small. */
const LEFT_MEGABYTES = 40;
const GROWN_MEGABYTES = 4_096;

/** Moves the folder of a server that is not running onto a tmpfs with little space left. */
export function moveToSmallDisk(folder: string): void {
  const aside = `${folder}.aside`;
  const { uid, gid } = statSync(folder);
  renameSync(folder, aside);
  mkdirSync(folder);
  const used = Number(execFileSync('du', ['-sm', aside], { encoding: 'utf8' }).split('\t')[0]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${used + LEFT_MEGABYTES}m`, 'tmpfs', folder]);
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o700);
  execFileSync('cp', ['-a', `${aside}/.`, folder]);
  rmSync(aside, { recursive: true });
  // Of a server that has ended, and that nobody may have waited for yet.
  rmSync(join(folder, 'postmaster.pid'), { force: true });
}

export function shrinkDisk(folder: string): void {
  resize(folder, usedMegabytes(folder) + LEFT_MEGABYTES);
}

export function growDisk(folder: string): void {
  resize(folder, GROWN_MEGABYTES);
}

/** Takes the tmpfs away, with all that is on it. */
export function removeDisk(folder: string): void {
  execFileSync('umount', ['--lazy', folder]);
}

function resize(folder: string, megabytes: number): void {
  execFileSync('mount', ['-o', `remount,size=${megabytes}m`, folder]);
}

function usedMegabytes(folder: string): number {
  return Number(execFileSync('du', ['-sm', folder], { encoding: 'utf8' }).split('\t')[0]);
}
