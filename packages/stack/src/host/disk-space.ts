import { mkdirSync, statfsSync } from 'node:fs';
import { StackError } from '../errors.ts';

/** Makes the folder. @throws {StackError} STACK_DISK_LOW with the figures */
export function requireDiskSpace(folder: string, bytesMin: number): void {
  mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= bytesMin) return;
  const [freeMegabytes, neededMegabytes] = [freeBytes, bytesMin].map((bytes) => Math.round(bytes / 1e6));
  throw new StackError('STACK_DISK_LOW', { context: { folder, freeMegabytes, neededMegabytes } });
}
