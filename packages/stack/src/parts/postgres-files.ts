import { execFile, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.ts';
import type { SystemUser } from '../host/system-user.ts';
import { SERVICE_NAMES } from '../stack.ts';
import { HOST_RULES } from './postgres-settings.ts';
import type { StackSecrets } from './stack-state.ts';

const run = promisify(execFile);

const SETTINGS_FILE = 'tradestream.conf';

/** The PostgreSQL programs and who runs them. */
export type PostgresInstall = { readonly folder: string; readonly user: SystemUser | null };

export function program(install: PostgresInstall, name: 'initdb' | 'postgres'): string {
  return join(install.folder, 'bin', name);
}

/**
 * Makes a cluster with its roles and databases in place, all before its first start: single-user
 * mode needs no port, no client and no password, and standbys can be copied from it while it is cold.
 * @throws {StackError} STACK_PART_FAILED
 */
export async function initCluster(options: {
  readonly install: PostgresInstall;
  readonly dataFolder: string;
  readonly secrets: StackSecrets;
  /** Waits for the disk, which a temporary folder does not need. */
  readonly durable: boolean;
}): Promise<void> {
  const { install, dataFolder, secrets, durable } = options;
  const passwordFile = `${dataFolder}.password`;
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  giveTo(install.user, dataFolder);
  writeFileSync(passwordFile, `${secrets.passwords.owner}\n`, { mode: 0o600 });
  giveTo(install.user, passwordFile);
  try {
    await runAs(install, 'initdb', [
      `--pgdata=${dataFolder}`,
      '--username=tradestream',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(durable ? [] : ['--no-sync']),
    ]);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  writeFileSync(join(dataFolder, 'pg_hba.conf'), HOST_RULES);
  appendFileSync(join(dataFolder, 'postgresql.conf'), `include = '${SETTINGS_FILE}'\n`);
  writeSettings(install, dataFolder, '');
  await runSingleUser(install, dataFolder, firstStatements(secrets));
}

/** A cold copy that will follow the node that its settings name. */
export async function copyCluster(fromFolder: string, toFolder: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', fromFolder, toFolder]);
}

export function markStandby(install: PostgresInstall, dataFolder: string): void {
  const signalFile = join(dataFolder, 'standby.signal');
  writeFileSync(signalFile, '');
  giveTo(install.user, signalFile);
}

export function writeSettings(install: PostgresInstall, dataFolder: string, settings: string): void {
  const file = join(dataFolder, SETTINGS_FILE);
  writeFileSync(file, settings, { mode: 0o600 });
  chmodSync(file, 0o600);
  giveTo(install.user, file);
}

export function giveTo(user: SystemUser | null, path: string): void {
  if (user !== null) chownSync(path, user.uid, user.gid);
}

/** Roles come with the stack because their passwords do; what they may touch comes with the migrations. */
function firstStatements(secrets: StackSecrets): readonly string[] {
  const { passwords } = secrets;
  return [
    // Into the template, so that every database made later has it.
    'CREATE EXTENSION pg_stat_statements',
    `CREATE ROLE tradestream_replicator LOGIN REPLICATION PASSWORD '${passwords.replicator}'`,
    `CREATE ROLE tradestream_registry LOGIN PASSWORD '${passwords.registry}'`,
    ...SERVICE_NAMES.map((name) => `CREATE ROLE tradestream_${name} LOGIN PASSWORD '${passwords[name]}'`),
    'GRANT pg_monitor TO tradestream_monitor',
    'CREATE DATABASE tradestream OWNER tradestream',
    'CREATE DATABASE registry OWNER tradestream_registry',
    'REVOKE CONNECT ON DATABASE registry FROM PUBLIC',
  ];
}

async function runAs(install: PostgresInstall, name: 'initdb' | 'postgres', args: readonly string[]): Promise<void> {
  try {
    await run(program(install, name), [...args], spawnOptions(install));
  } catch (cause) {
    const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new StackError('STACK_PART_FAILED', { cause, context: { part: 'primary', program: name }, detail: stderr });
  }
}

/** Runs statements on the cold cluster; the first that fails ends it. */
async function runSingleUser(
  install: PostgresInstall,
  dataFolder: string,
  statements: readonly string[],
): Promise<void> {
  const args = ['--single', '-j', '-D', dataFolder, '-c', 'exit_on_error=on', '-c', 'log_checkpoints=off', 'template1'];
  const child = spawn(program(install, 'postgres'), args, {
    ...spawnOptions(install),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk) => errors.push(String(chunk)));
  child.stdin.on('error', () => undefined); // its exit code tells
  // In this mode (-j) a semicolon and an empty line end a statement.
  child.stdin.end(`${statements.join(';\n\n')};\n\n`);
  const exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (exitCode === 0) return;
  throw new StackError('STACK_PART_FAILED', {
    context: { part: 'primary', exitCode },
    detail: `its first statements failed\n${errors.join('')}`,
  });
}

function spawnOptions(install: PostgresInstall): {
  readonly cwd: string;
  readonly env: Record<string, string>;
  readonly uid?: number;
  readonly gid?: number;
} {
  const env = { PATH: process.env['PATH'] ?? '', LANG: 'C', TZ: 'UTC' };
  const { user } = install;
  return user === null ? { cwd: '/', env } : { cwd: '/', env, uid: user.uid, gid: user.gid };
}
