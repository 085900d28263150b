import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { PartCommand } from '../processes/part-process.ts';

export type RedisOptions = {
  readonly server: string;
  readonly folder: string;
  readonly logFile: string;
  readonly port: number;
  readonly password: string;
};

const ANSWER_MS = 1_000;

/** Never evicts and keeps an append-only file, as job queues need. */
export function prepareRedis(options: RedisOptions): PartCommand {
  const { server, folder, logFile, port, password } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const settingsFile = join(folder, 'redis.conf');
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    'protected-mode yes',
    `requirepass ${password}`,
    'daemonize no',
    `dir "${folder}"`,
    'save ""',
    'appendonly yes',
    'appendfsync everysec',
    'maxmemory-policy noeviction',
  ];
  writeFileSync(settingsFile, `${settings.join('\n')}\n`, { mode: 0o600 });
  chmodSync(settingsFile, 0o600);
  return {
    name: 'redis',
    command: server,
    args: [settingsFile],
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C' },
    cwd: folder,
    logFile,
    port,
    user: null,
    stopSignal: 'SIGTERM',
    stopMs: 3_000,
    isReady: () => isRedisReady(port, password),
  };
}

async function isRedisReady(port: number, password: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = '';
    const finish = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ANSWER_MS, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received === '+OK\r\n+PONG\r\n') finish(true);
      else if (received.startsWith('-')) finish(false);
    });
  });
}
