import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLogger } from '@tradestream/runtime';
import { openStack, StackError } from '@tradestream/stack';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { isRunning } from '../support/processes.ts';

const log = createLogger({ service: 'stack-life', level: 'silent' });
/** Without brokers or databases of the run: these stacks are the test's own. */
const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] };

type Held = { readonly child: ChildProcess; readonly pids: readonly number[]; readonly logFolder: string };

describe('a stack ends with its owner', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s takes every part down in order', async (signal) => {
    const { child, pids, logFolder } = await hold('primary', 'redis');
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(logFolder)).toBe(false);
  });

  test('kill -9 of the owner leaves no process and no folder', async () => {
    const { child, pids, logFolder } = await hold('primary', 'redis');
    child.kill('SIGKILL');
    await eventually(() => pids.every((pid) => !isRunning(pid)) && !existsSync(logFolder), { withinMs: 60_000 });
  });

  test('the next start ends orphans whose watchdog died with the owner', async () => {
    const { child, pids, logFolder } = await hold('redis');
    for (const watchdog of childrenOf(child).filter((pid) => !pids.includes(pid))) process.kill(watchdog, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(pids.every(isRunning)).toBe(true);
    const next = await openStack({ log, parts: ['redis'], env });
    await next.close();
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(logFolder)).toBe(false);
  });

  test('a stack of a living owner is left alone by the next start', async () => {
    const { child, pids } = await hold('redis');
    const next = await openStack({ log, parts: ['redis'], env });
    await next.close();
    expect(pids.every(isRunning)).toBe(true);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
});

describe('a part that cannot start is named', () => {
  test('with the tail of its log, whose file is kept', async () => {
    const failure = await failureOf(
      openStack({ log, parts: ['primary'], env, postgresSettings: { shared_buffers: 'nonsense' } }),
    );
    expect(failure.code).toBe('STACK_PART_FAILED');
    expect(failure.message).toMatch(/primary/);
    expect(failure.message).toMatch(/shared_buffers/);
    const file = /logFile=(\S+\.log)/.exec(failure.message)?.[1] ?? '';
    expect(readFileSync(file, 'utf8')).toMatch(/shared_buffers/);
    rmSync(dirname(dirname(file)), { recursive: true });
  });

  test('a fixed port that is taken is refused by its number', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const failure = await failureOf(openStack({ log, parts: ['redis'], env, ports: { redis: port } }));
    server.close();
    expect(failure.code).toBe('STACK_PORT_TAKEN');
    expect(failure.message).toContain(String(port));
  });

  test('a missing Java says what to install', async () => {
    const failure = await failureOf(openStack({ log, parts: ['kafka'], env: { ...env, JAVA_HOME: '/nonexistent' } }));
    expect(failure.code).toBe('STACK_JAVA_MISSING');
    expect(failure.advice).toMatch(/openjdk/);
  });

  test('a missing Maven says what to install, when something must be fetched', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tradestream-cache-'));
    const { child, said } = start(['redis'], { PATH: folder, XDG_CACHE_HOME: folder });
    const [exitCode] = (await once(child, 'close')) as [number]; // the event's first argument
    rmSync(folder, { recursive: true });
    expect(exitCode).not.toBe(0);
    expect(said()).toContain('STACK_MAVEN_MISSING');
    expect(said()).toContain('apt-get install maven');
  });
});

test('data, passwords and tokens are kept with a data folder, which one stack at a time may use', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tradestream-data-'));
  chmodSync(dataDir, 0o755);
  const first = await openStack({ log, parts: ['redis'], env, dataDir });
  const busy = await failureOf(openStack({ log, parts: ['redis'], env, dataDir }));
  expect(busy.code).toBe('STACK_DATA_FOLDER_BUSY');
  await first.close();
  const second = await openStack({ log, parts: ['redis'], env, dataDir });
  expect(second.tokens).toEqual(first.tokens);
  expect(second.endpoints.redisUrl).toMatch(/^redis:\/\/.*@127\.0\.0\.1:/);
  await second.close();
  rmSync(dataDir, { recursive: true });
});

test.runIf(process.getuid?.() === 0)('PostgreSQL of a root owner runs as an unprivileged user', async () => {
  const stack = await openStack({ log, parts: ['primary'], env });
  const pid = stack.pids.primary ?? 0;
  expect(statSync(`/proc/${pid}`).uid).not.toBe(0);
  await stack.close();
});

async function hold(...parts: readonly string[]): Promise<Held> {
  const { child, said } = start(parts, env);
  const answer = await Promise.race([once(child.stdout, 'data'), once(child, 'close').then(() => null)]);
  if (answer === null) throw new Error(`the stack did not start: ${said()}`);
  const { pids, logFolder } = JSON.parse(String(answer[0])) as { pids: Record<string, number>; logFolder: string }; // one line, written at once
  return { child, pids: Object.values(pids), logFolder };
}

function start(parts: readonly string[], environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, ['test/support/stack-holder.ts', ...parts], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, said: () => text };
}

async function failureOf(opening: Promise<unknown>): Promise<StackError> {
  const failure: unknown = await opening.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(failure instanceof StackError)) throw new Error('no StackError', { cause: failure });
  return failure;
}

function childrenOf(child: ChildProcess): readonly number[] {
  const text = execFileSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((line) => Number(line.trim()))
    .filter((pid) => pid > 0);
}
