import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { giveTo, markStandby, type PostgresInstall } from './postgres-files.ts';
import { withSession } from './run-sql.ts';

/** Of the running server alone, or rebuilt by recovery. */
const LEFT_OUT = new Set(['pg_wal', 'postmaster.pid', 'postmaster.opts', 'standby.signal', 'pg_replslot']);
const COPY_ATTEMPTS = 3;

/**
 * Copies a running primary by the low-level backup interface (this build has no pg_basebackup): what
 * changes under the copy is mended by the WAL that the standby then receives.
 */
export async function copyRunningCluster(options: {
  readonly install: PostgresInstall;
  readonly url: string;
  readonly fromFolder: string;
  readonly toFolder: string;
}): Promise<void> {
  const { install, url, fromFolder, toFolder } = options;
  const label = await withSession(url, async (run) => {
    await run("SELECT pg_backup_start('tradestream', true)");
    for (let attempt = 1; ; attempt += 1) {
      try {
        await copyFolder(install, fromFolder, toFolder);
        break;
      } catch (error) {
        // A file that goes away while it is copied fails the copy; another try finds it gone.
        if (attempt === COPY_ATTEMPTS) throw error;
      }
    }
    const rows = await run<{ readonly labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    return rows[0]?.labelfile ?? '';
  });
  const labelFile = join(toFolder, 'backup_label');
  writeFileSync(labelFile, label, { mode: 0o600 });
  giveTo(install.user, labelFile);
  markStandby(install, toFolder);
}

async function copyFolder(install: PostgresInstall, fromFolder: string, toFolder: string): Promise<void> {
  rmSync(toFolder, { recursive: true, force: true });
  for (const folder of [toFolder, join(toFolder, 'pg_wal'), join(toFolder, 'pg_replslot')]) {
    mkdirSync(folder, { mode: 0o700 });
    giveTo(install.user, folder);
  }
  const names = readdirSync(fromFolder).filter((name) => !LEFT_OUT.has(name));
  await promisify(execFile)('cp', ['-a', ...names.map((name) => join(fromFolder, name)), toFolder]);
}
