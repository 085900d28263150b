import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Closeable } from '@tradestream/runtime';
import { StackError } from '../errors.ts';
import { requireDiskSpace } from '../host/disk-space.ts';
import { acquireFileLock, holderPid } from '../host/file-lock.ts';
import { removeFolder } from '../host/remove-folder.ts';
import { findClosedFolder, type SystemUser } from '../host/system-user.ts';

const DISK_BYTES_MIN = 2_000_000_000;
const FALLBACK_TEMPORARY_FOLDER = '/tmp';

/** Where one stack keeps its things. */
export type RunFolders = Closeable & {
  /** Data, logs and state: `dataDir`, or the same as `temporary`. */
  readonly data: string;
  readonly logs: string;
  /** Removed at the end. */
  readonly temporary: string;
  readonly runFile: string;
  readonly kept: boolean;
  /** As `close`, but the logs stay: they are named by the error of a part that did not start. */
  closeKeepingLogs(): Promise<void>;
};

/**
 * Makes the folders of a run, such that PostgreSQL's user can reach its data.
 * @throws {StackError} STACK_FOLDER_CLOSED, STACK_DATA_FOLDER_BUSY, STACK_DISK_LOW
 */
export async function openRunFolders(options: {
  readonly dataDir: string | undefined;
  readonly runsFolder: string;
  readonly user: SystemUser | null;
}): Promise<RunFolders> {
  const { dataDir, runsFolder, user } = options;
  // With another user for PostgreSQL the temporary folder must be open on the way, which TMPDIR may not be.
  const base = user !== null && findClosedFolder(tmpdir()) !== null ? FALLBACK_TEMPORARY_FOLDER : tmpdir();
  const temporary = mkdtempSync(join(base, 'tradestream-'));
  const runFile = join(runsFolder, `${basename(temporary)}.json`);
  let lock: Closeable | null = null;
  try {
    if (user !== null) chmodSync(temporary, 0o711);
    const data = dataDir === undefined ? temporary : resolve(dataDir);
    requireDiskSpace(data, DISK_BYTES_MIN);
    if (dataDir !== undefined) lock = await lockDataFolder(data);
    const closed = user === null ? null : findClosedFolder(data);
    if (user !== null && closed !== null) {
      throw new StackError('STACK_FOLDER_CLOSED', { context: { folder: closed, user: user.name } });
    }
    const logs = join(data, 'logs');
    mkdirSync(logs, { recursive: true, mode: 0o700 });
    const held = lock;
    return {
      data,
      logs,
      temporary,
      runFile,
      kept: dataDir !== undefined,
      close: async () => {
        removeFolder(temporary);
        await held?.close();
      },
      closeKeepingLogs: async () => {
        for (const name of readdirSync(temporary))
          if (join(temporary, name) !== logs) removeFolder(join(temporary, name));
        await held?.close();
      },
    };
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    await lock?.close();
    throw error;
  }
}

async function lockDataFolder(folder: string): Promise<Closeable> {
  const file = join(folder, 'stack.lock');
  const lock = await acquireFileLock(file, { timeoutMs: 0 });
  if (lock === null)
    throw new StackError('STACK_DATA_FOLDER_BUSY', { context: { folder, holderPid: holderPid(file) } });
  return lock;
}
