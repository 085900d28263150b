import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';

type Line = { readonly event: string; readonly level: string } & Readonly<Record<string, unknown>>;

type Fixture = AsyncDisposable & {
  readonly lines: readonly Line[];
  readonly events: () => readonly string[];
  readonly saw: (event: string) => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly exitCode: Promise<number | null>;
};

const WITHIN_MS = 60_000;

function startFixture(settings: Readonly<Record<string, string>> = {}): Fixture {
  const child = spawn(process.execPath, ['test/support/fixture-service.ts'], {
    env: { PATH: process.env['PATH'], ...settings },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: Line[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(JSON.parse(line)));
  const exited = once(child, 'close');
  const events = () => lines.map((line) => line.event);
  return {
    lines,
    events,
    saw: async (event) => {
      await eventually(() => events().includes(event), { withinMs: WITHIN_MS });
    },
    signal: (name) => child.kill(name),
    exitCode: exited.then(() => child.exitCode),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and exits 0', async (name) => {
  await using fixture = startFixture();
  await fixture.saw('service_started');
  fixture.signal(name);
  expect(await fixture.exitCode).toBe(0);
  expect(fixture.events()).toEqual([
    'service_starting',
    'service_started',
    'stop_requested',
    'fixture_closing',
    'service_stopped',
  ]);
});

test('a second signal exits 1 at once', async () => {
  await using fixture = startFixture({ FIXTURE_CLOSE: 'hangs' });
  await fixture.saw('service_started');
  fixture.signal('SIGTERM');
  await fixture.saw('fixture_closing');
  fixture.signal('SIGINT');
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.events().slice(-2)).toEqual(['fixture_closing', 'stop_forced']);
});

test('a drain beyond its limit exits 1', async () => {
  await using fixture = startFixture({ FIXTURE_CLOSE: 'hangs', FIXTURE_DRAIN_MS: '50' });
  await fixture.saw('service_started');
  fixture.signal('SIGTERM');
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.lines.at(-1)).toMatchObject({
    event: 'drain_failed',
    level: 'error',
    error: { code: 'RT_TIMEOUT', context: { stage: 'drain', timeoutMs: 50 } },
  });
});

test('a drain that fails exits 1', async () => {
  await using fixture = startFixture({ FIXTURE_CLOSE: 'fails' });
  await fixture.saw('service_started');
  fixture.signal('SIGTERM');
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.lines.at(-1)).toMatchObject({ event: 'drain_failed', error: { message: 'cannot close' } });
});

test('a service that fails drains and exits 1', async () => {
  await using fixture = startFixture({ FIXTURE_AFTER: 'fails' });
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.events().slice(-3)).toEqual(['service_failed', 'fixture_closing', 'service_stopped']);
});

test('the first signal during the drain after a failure cuts nothing', async () => {
  await using fixture = startFixture({ FIXTURE_AFTER: 'fails', FIXTURE_CLOSE: 'hangs' });
  await fixture.saw('fixture_closing');
  fixture.signal('SIGTERM');
  await fixture.saw('stop_requested');
  fixture.signal('SIGTERM');
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.events().slice(-2)).toEqual(['stop_requested', 'stop_forced']);
});

test.each(['throws', 'rejects'])('a bug that %s ends the process with 1 after it was logged', async (after) => {
  await using fixture = startFixture({ FIXTURE_AFTER: after });
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.lines.at(-1)).toMatchObject({ event: 'service_crashed', error: { type: 'TypeError' } });
});

test('a start that fails exits 1', async () => {
  await using fixture = startFixture({ FIXTURE_START: 'refuses' });
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.lines.at(-1)).toMatchObject({ event: 'start_failed', error: { message: 'cannot start' } });
});

test('a signal while it still starts ends the start and exits 0', async () => {
  await using fixture = startFixture({ FIXTURE_START: 'waits' });
  await fixture.saw('fixture_starting');
  fixture.signal('SIGTERM');
  expect(await fixture.exitCode).toBe(0);
  expect(fixture.events().at(-1)).toBe('stop_requested');
});

test('a start that does not heed the signal is given up after the limit of a drain, with 1', async () => {
  await using fixture = startFixture({ FIXTURE_START: 'deaf', FIXTURE_DRAIN_MS: '50' });
  await fixture.saw('fixture_starting');
  fixture.signal('SIGTERM');
  expect(await fixture.exitCode).toBe(1);
  expect(fixture.events().at(-1)).toBe('start_not_ended');
});

test('a configuration that is refused starts nothing and exits 2, naming every problem', async () => {
  await using fixture = startFixture({ FIXTURE_DRAIN_MS: '0', FIXTURE_STRAT: 'x', FIXTURE_SECRET: 'abc' });
  expect(await fixture.exitCode).toBe(2);
  expect(fixture.events()).toEqual(['config_refused']);
  const written = JSON.stringify(fixture.lines);
  expect(written).toMatch(/FIXTURE_DRAIN_MS[^]*FIXTURE_SECRET[^]*FIXTURE_STRAT: no setting has this name/);
  expect(written).not.toContain('abc');
});

test('the configuration is written at the start, its secrets are not', async () => {
  await using fixture = startFixture({ FIXTURE_SECRET: 'hunter2' });
  await fixture.saw('service_started');
  expect(fixture.lines[0]).toMatchObject({ config: { FIXTURE_CLOSE: 'at-once', FIXTURE_SECRET: '[redacted]' } });
});
