import { join } from 'node:path';

/** Held by the process that runs the installation of a checkout. */
export function lockFileOf(stateFolder: string): string {
  return join(stateFolder, 'up.lock');
}
