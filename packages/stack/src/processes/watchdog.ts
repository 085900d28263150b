import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Closeable } from '@tradestream/runtime';
import { identifyProcess, signalProcess } from '../host/process-table.ts';

/**
 * A shell of a megabyte that waits for the end of its input, which comes when this process is gone
 * in whatever way, and then becomes the reaper. Node has no other way to tie a child's life to its
 * own, and a kill -9 leaves no time for anything else.
 */
export function startWatchdog(runFile: string): Closeable {
  const reaper = fileURLToPath(new URL('./reaper-main.ts', import.meta.url));
  const child = spawn('/bin/sh', ['-c', 'read -r _; exec "$0" "$@"', process.execPath, reaper, runFile], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
  });
  child.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket).unref(); // a socket in fact, and typed as its base alone
  const identity = child.pid === undefined ? null : identifyProcess(child.pid);
  return {
    // Ended before its input is, so that it does not wake up as the reaper.
    close: async () => {
      if (identity !== null) signalProcess(identity, 'SIGKILL');
    },
  };
}
