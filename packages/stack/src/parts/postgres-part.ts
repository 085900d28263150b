import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartCommand } from '../processes/part-process.ts';
import type { NodeName } from '../stack.ts';
import { type PostgresInstall, program } from './postgres-files.ts';

const STATUS_LINE = 7;

export function preparePostgres(options: {
  readonly install: PostgresInstall;
  readonly name: NodeName;
  readonly dataFolder: string;
  readonly logFile: string;
  readonly port: number;
}): PartCommand {
  const { install, name, dataFolder, logFile, port } = options;
  return {
    name,
    command: program(install, 'postgres'),
    args: ['-D', dataFolder],
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C', TZ: 'UTC' },
    cwd: dataFolder,
    logFile,
    port,
    user: install.user,
    stopSignal: 'SIGINT', // fast: sessions are ended, not waited for
    stopMs: 8_000,
    isReady: async (pid) => isPostgresReady(dataFolder, pid),
  };
}

/**
 * By the file that the server keeps for pg_ctl: its status is `ready` when it takes connections, as a
 * hot standby too. After a kill -9 an older server's file is still there, under another pid.
 */
function isPostgresReady(dataFolder: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[STATUS_LINE]?.trim() === 'ready';
  } catch {
    return false;
  }
}
