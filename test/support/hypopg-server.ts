import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseManager } from '@tradestream/database';
import { eventually } from './eventually.ts';

const PROGRAMS = '/usr/lib/postgresql/15/bin';
const EXTENSION = '/usr/share/postgresql/15/extension/hypopg.control';
/** Nobody: the server refuses to run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 } as const;
const START_MS = 60_000;

/** Debian's PostgreSQL 15 with hypopg is on this machine. */
export function hasHypopg(): boolean {
  return existsSync(EXTENSION) && existsSync(join(PROGRAMS, 'postgres'));
}

/** A server of the test's own that can plan with indexes that are not there. */
export async function startHypopgServer(): Promise<{ readonly url: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'tradestream-hypopg-'));
  const identity = process.getuid?.() === 0 ? NOBODY : {};
  if (process.getuid?.() === 0) chownSync(folder, NOBODY.uid, NOBODY.gid);
  const data = join(folder, 'data');
  const options = { ...identity, cwd: folder, env: { PATH: process.env['PATH'] } };
  execFileSync(join(PROGRAMS, 'initdb'), ['-D', data, '-U', 'test', '-A', 'trust', '-N'], {
    ...options,
    stdio: 'ignore',
  });
  const port = await freePort();
  const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`];
  const server = spawn(join(PROGRAMS, 'postgres'), args, { ...options, stdio: 'ignore' });
  const stop = async () => {
    server.kill('SIGINT');
    await eventually(() => server.exitCode !== null || server.signalCode !== null, { withinMs: START_MS });
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `postgres://test@127.0.0.1:${port}/postgres`;
  try {
    await using db = new DatabaseManager({ database: url });
    await eventually(async () => await db.query('CREATE EXTENSION IF NOT EXISTS hypopg'), { withinMs: START_MS });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
