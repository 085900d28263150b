import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileCommandId, newCommandId } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';

const PROGRAM = resolve('packages/cli/bin/tradestream.mjs');
const TRADES = resolve('packages/cli/data/binance-btcusdt-trades-2021-01-08.csv');

/** A checkout of the test's own: what the command line remembers stays in it. */
const folder = mkdtempSync(join(tmpdir(), 'tradestream-cli-'));
let world: GatewayWorld;
let gatewayUrl: string;

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{"name":"tradestream","workspaces":[]}');
  world = await openGatewayWorld(inject('endpoints'), 'cli-produce');
  world.ledger.startWorker();
  const [gateway, projector] = await Promise.all([world.startGateway(), world.startProjector()]);
  await Promise.all([ready(gateway), ready(projector)]);
  gatewayUrl = gateway.url;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('good lines are sent, a bad one is named by file, line, field and rule, and the exit code is 1', async () => {
  const file = write('mixed.ndjson', [
    line('DepositFunds', { userId: 'mia', asset: 'USD', amount: '1' }),
    '',
    line('DepositFunds', { userId: 'mia', asset: 'usd', amount: '1' }),
    'nonsense',
    line('WithdrawFunds', { userId: 'mia', asset: 'USD', amount: '9' }),
  ]);
  const { code, out, notes } = await run('produce', file, '--wait', '-o', 'json');
  expect(code).toBe(1);
  expect(notes).toContain(`${file}:3 asset 2 to 12 characters of A-Z 0-9\n`);
  expect(notes).toContain(`${file}:4 line a JSON object\n`);
  expect(JSON.parse(out)).toMatchObject({
    sent: 2,
    applied: 1,
    rejected: 1,
    reasons: { INSUFFICIENT_FUNDS: 1 },
    badLines: 2,
    refused: 0,
    conflicts: 0,
  });
  // The ids are those of the file's bytes and the lines.
  const { sha256 } = await fileHash(file);
  const receipt = await run('receipt', fileCommandId(sha256, 1), '-o', 'json');
  expect(receipt.code).toBe(0);
  expect(JSON.parse(receipt.out)).toMatchObject({ outcome: 'applied' });
});

test('an id that stands for another payload is named by its line', async () => {
  const commandId = newCommandId();
  const fields = { commandId, userId: 'noa', asset: 'USD' };
  const file = write('conflict.ndjson', [
    line('DepositFunds', { ...fields, amount: '1' }),
    line('DepositFunds', { ...fields, amount: '2' }),
  ]);
  const { code, out, notes } = await run('produce', file, '--wait', '-o', 'json');
  expect(code).toBe(1);
  expect(notes).toContain(`${file}:2 command ${commandId} already stands for another payload`);
  expect(JSON.parse(out)).toMatchObject({ applied: 1, conflicts: 1 });
  // The same again sends nothing and still tells that not all was accepted.
  const again = await run('produce', file, '--wait', '-o', 'json');
  expect(again.code).toBe(1);
  expect(JSON.parse(again.out)).toMatchObject({ sent: 0, answeredBefore: 2, failedBefore: 1 });
});

test('a file begins when every command of the one before has its receipt', async () => {
  const users = Array.from({ length: 300 }, (_, index) => `phase-${index}`);
  const deposits = write(
    'deposits.ndjson',
    users.map((userId) => line('DepositFunds', { userId, asset: 'USD', amount: '1' })),
  );
  const orders = write(
    'orders.ndjson',
    users.map((userId) =>
      line('PlaceOrder', { orderId: userId, userId, symbol: 'BTC-USD', side: 'buy', price: '1', quantity: '1' }),
    ),
  );
  const { code, out } = await run('produce', deposits, orders, '--wait', '-o', 'json');
  expect(JSON.parse(out)).toMatchObject({ sent: 600, applied: 600, rejected: 0 });
  expect(code).toBe(0);
});

test('real trades are funded, placed and executed, and are read back', async () => {
  const head = readFileSync(TRADES, 'utf8').split('\n').slice(0, 41);
  const file = write('trades.csv', [...head, '1,2021-01-08T00:00:00.278Z,1.5,2,maybe']);
  const { code, out, notes } = await run('produce', file, '--format', 'binance-trades', '--wait', '-o', 'json');
  expect(code).toBe(1);
  expect(notes).toContain(`${file}:42 buyer_maker true or false\n`);
  expect(JSON.parse(out)).toMatchObject({ sent: 200, applied: 200, rejected: 0, badLines: 1 });
  await eventually(
    async () => {
      const fills = await run('fills', '--symbol', 'BTC-USDT', '--all', '--limit', '7', '-o', 'json');
      const rows = fills.out.trim().split('\n');
      return rows.length === 80 && fills.code === 0;
    },
    { withinMs: 60_000 },
  );
  const { out: text, notes: served } = await run('trades', '--symbol', 'BTC-USDT', '--limit', '3', '-o', 'json');
  expect(
    text
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row)),
  ).toMatchObject([{ symbol: 'BTC-USDT' }, {}, {}]);
  expect(served).toMatch(/served by replica-[123]; more with --cursor \S+/);
  const candles = await run('candles', '--symbol', 'BTC-USDT', '-o', 'json');
  expect(JSON.parse(candles.out.split('\n')[0] ?? '')).toMatchObject({ minute: '2021-01-08T00:00:00.000Z' });
  const order = await run('orders', '553287559-buy', '-o', 'json');
  expect(JSON.parse(order.out)).toMatchObject({ orderId: '553287559-buy', status: 'filled' });
  const table = await run('balances', 'trader-001');
  expect(table.out).toMatch(/^ASSET +AVAILABLE +HELD\n/);
});

test('a run that was killed goes on where it was, and every command has one effect', async () => {
  const count = 20_000;
  const file = write(
    'long.ndjson',
    Array.from({ length: count }, (_, index) =>
      line('DepositFunds', { userId: `long-${index % 50}`, asset: 'USD', amount: '1' }),
    ),
  );
  const state = join(folder, '.tradestream');
  const known = new Set(readdirSync(state));
  const child = spawn(process.execPath, [PROGRAM, 'produce', file], { cwd: folder, env: env(), stdio: 'ignore' });
  const exited = once(child, 'exit');
  await eventually(() => readdirSync(state).some((name) => name.endsWith('.json') && !known.has(name)), {
    withinMs: 60_000,
    everyMs: 2,
  });
  child.kill('SIGKILL');
  await exited;
  const { code, out, notes } = await run('produce', file, '-o', 'json');
  expect(code).toBe(0);
  expect(notes).toMatch(/long.ndjson: \d+ commands were answered before/);
  const { sent, answeredBefore } = JSON.parse(out) as { sent: number; answeredBefore: number };
  expect(answeredBefore).toBeGreaterThanOrEqual(1_000);
  expect(sent + answeredBefore).toBe(count);
  await world.ledger.applied(60_000);
  const [sum] = await world.ledger.rows<{ sum: string }>(
    `SELECT trim_scale(sum(available))::text AS sum FROM ledger.balances WHERE user_id LIKE 'long-%'`,
  );
  expect(sum?.sum).toBe(String(count));
  // From the start on demand: the same ids, so still one effect each.
  const all = await run('produce', file, '--no-resume', '--wait', '-o', 'json');
  expect(JSON.parse(all.out)).toMatchObject({ sent: count, applied: count, answeredBefore: 0 });
  const [still] = await world.ledger.rows<{ sum: string }>(
    `SELECT trim_scale(sum(available))::text AS sum FROM ledger.balances WHERE user_id LIKE 'long-%'`,
  );
  expect(still?.sum).toBe(String(count));
}, 120_000);

test.each([
  [2, ['produce']],
  [2, ['produce', 'x', '--format', 'xml']],
  [2, ['receipt', 'no-uuid']],
  [2, ['trades', '--limit', '0']],
  [2, ['candles']],
  [2, ['retention', 'forget', '--before', '2026-01-01']],
  [2, ['no-such-command']],
  [1, ['produce', 'no-such-file']],
  [1, ['receipt', newCommandId()]],
  [1, ['orders', 'no-such-order']],
  [2, ['trades', '--from', '2026-01-01T00:00:00']],
  [0, ['--help']],
])('exit code %i for %j, with the reason on standard error alone', async (code, args) => {
  const result = await run(...args);
  expect(result.code).toBe(code);
  if (code !== 0) {
    expect(result.out).toBe('');
    expect(result.notes).not.toBe('');
    expect(result.notes).not.toMatch(/\n +at /);
  }
});

test('a gateway that is not there is said, without the inside of the program', async () => {
  const { code, notes } = await run('trades', { TRADESTREAM_GATEWAY_URL: 'http://127.0.0.1:1' });
  expect(code).toBe(1);
  expect(notes).toContain('CLIENT_UNREACHABLE');
  expect(notes).not.toMatch(/\n +at /);
  const none = await run('trades', { TRADESTREAM_GATEWAY_URL: '' });
  expect({ code: none.code, notes: none.notes }).toEqual({ code: 1, notes: expect.stringContaining('npm start') });
});

function line(type: string, fields: Readonly<Record<string, string>>): string {
  return JSON.stringify({ type, ...fields });
}

function write(name: string, lines: readonly string[]): string {
  mkdirSync(join(folder, '.tradestream'), { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

async function fileHash(file: string): Promise<{ readonly sha256: string }> {
  const digest = await crypto.subtle.digest('SHA-256', readFileSync(file));
  return { sha256: Buffer.from(digest).toString('hex') };
}

function env(overrides: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], TRADESTREAM_GATEWAY_URL: gatewayUrl, ...overrides };
}

/** Runs the command line to its end; a last object is set in its environment. */
async function run(...args: readonly (string | NodeJS.ProcessEnv)[]) {
  const words = args.filter((arg) => typeof arg === 'string');
  const overrides = args.find((arg) => typeof arg !== 'string') ?? {};
  if (!existsSync(PROGRAM)) throw new Error(`no ${PROGRAM}`);
  const child = spawn(process.execPath, [PROGRAM, ...words], { cwd: folder, env: env(overrides) });
  const [out, notes, [code]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, out: Buffer.concat(out).toString(), notes: Buffer.concat(notes).toString() };
}
