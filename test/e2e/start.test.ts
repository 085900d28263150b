import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { LaunchFolder } from '../support/launched.ts';
import { isRunning } from '../support/processes.ts';

const START_MS = 240_000;

test('a start with --once loads the real trades through everything and says that every check held', {
  timeout: START_MS,
}, async () => {
  using folder = new LaunchFolder();
  await using run = folder.launch('up', '--once', '-o', 'json');
  expect(await run.ended(), run.err).toBe(0);
  const lines = run.out.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  const summary = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(summary).toMatchObject({
    ok: true,
    parked: 0,
    trades: 2_001,
    tradeExecutedEvents: 2_001,
    conservation: { ok: true },
    verify: { ok: true, firstContradiction: null },
    query: { role: 'replica', servedBy: expect.stringMatching(/^replica-[123]$/) },
    lag: 0,
  });
  expect(Object.keys(summary['urls'] as object).sort()).toEqual(['docs', 'gateway', 'monitor']);
  expect(folder.isRunning()).toBe(false);
});

describe('a start that stays', () => {
  test('is one at a time, heals what dies, and leaves nothing behind', { timeout: 2 * START_MS }, async () => {
    using folder = new LaunchFolder();
    await using run = folder.launch('up', '--no-data', '--workers', '2');
    await run.says('running; Ctrl-C ends it', START_MS);
    const { pids, tokens, gatewayUrl } = folder.endpoints();
    expect(Object.keys(pids)).toEqual(
      expect.arrayContaining([
        'gateway',
        'monitor',
        'worker-1',
        'worker-2',
        'projector-1',
        'kafka',
        'primary',
        'redis',
      ]),
    );
    expect(Object.keys(pids)).toEqual(expect.arrayContaining(['registry', 'replica-1', 'replica-2', 'replica-3']));
    expect(Object.keys(tokens).sort()).toEqual(['admin', 'operator', 'reader']);
    expect(statSync(folder.endpointsFile).mode & 0o777).toBe(0o600);
    for (const pid of Object.values(pids)) expect(commandLineOf(pid)).not.toContain('password');

    await using second = folder.launch('up', '--once');
    expect(await second.ended()).toBe(1);
    expect(second.err).toContain('already running here');

    process.kill(pids['gateway'] ?? 0, 'SIGKILL');
    await eventually(
      async () => {
        const now = folder.endpoints();
        expect(now.pids['gateway']).toEqual(expect.any(Number));
        expect(now.pids['gateway']).not.toBe(pids['gateway']);
        expect(now.gatewayUrl).toBe(gatewayUrl);
        expect((await fetch(`${gatewayUrl}/readyz`)).status).toBe(200);
      },
      { withinMs: 60_000 },
    );
    await using status = folder.launch('status', '-o', 'json');
    expect(await status.ended(), status.err).toBe(0);
    expect(status.out.trimEnd().split('\n')).toHaveLength(Object.keys(pids).length);

    // Nothing is wrong any more; on a machine that is quick nothing was for long enough to be told.
    await eventually(
      async () => {
        const alerts = await fetch(`${folder.endpoints().monitorUrl}/v1/alerts`);
        expect(await alerts.json()).toMatchObject({ items: [] });
      },
      { withinMs: 60_000 },
    );

    const all = Object.values(folder.endpoints().pids);
    await using down = folder.launch('down');
    expect(await down.ended(), down.err).toBe(0);
    await run.ended();
    expect(all.filter(isRunning)).toEqual([]);
    expect(folder.isRunning()).toBe(false);
  });

  test('leaves no process when its launcher is killed with -9', { timeout: START_MS }, async () => {
    using folder = new LaunchFolder();
    await using run = folder.launch('up', '--no-data');
    await run.says('running; Ctrl-C ends it', START_MS);
    const pids = Object.values(folder.endpoints().pids);
    run.child.kill('SIGKILL');
    await eventually(() => expect(pids.filter(isRunning)).toEqual([]), { withinMs: 60_000 });
  });
});

function commandLineOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').toLowerCase();
}
