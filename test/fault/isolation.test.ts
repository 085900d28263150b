import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';
import { checkHistory, findAdya } from './isolation/adya.ts';
import { History } from './isolation/history.ts';
import { runIsolation } from './isolation/run-isolation.ts';

const adya = findAdya();

let world: GatewayWorld;

beforeAll(async () => {
  if (adya !== null) world = await openGatewayWorld(inject('endpoints'), 'isolation', 3);
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

// The checker is a Rust program: where it is not installed, `npm run chaos -- --isolation` builds it.
test.skipIf(adya === null)(
  'what clients read on the primary is strictly serializable, on a standby serializable',
  async () => {
    if (adya === null) return;
    const { ledger } = world;
    ledger.startWorker();
    ledger.startWorker();
    const gateway = await world.startGateway();
    await ready(gateway);
    const nodes = { primary: ledger.database.url, ...ledger.database.replicaUrls };
    const report = await runIsolation({
      world: ledger,
      rows: async (text, values) => await ledger.rows(text, values),
      gatewayUrl: gateway.url,
      nodes,
      adya,
      groups: 2,
      seed: 1,
    });
    expect(report.histories.map(({ of, broken }) => ({ of, broken }))).toEqual(
      Object.keys(nodes).map((of) => ({ of, broken: null })),
    );
    for (const { of, reads } of report.histories) expect(reads, of).toBeGreaterThan(20);
  },
  120_000,
);

test.skipIf(adya === null)('the checker finds a read that is late, and one that is torn', async () => {
  if (adya === null) return;
  const file = join(mkdtempSync(join(tmpdir(), 'tradestream-isolation-')), 'forged.jsonl');
  const rank = new Map([[1, 1]]);
  const check = async (seen: Readonly<Record<string, readonly number[]>>, model: string) => {
    const history = new History();
    const keys = ['a', 'b'];
    for (const type of ['invoke', 'ok'] as const) history.add(type, 0, { kind: 'append', trade: 1, keys });
    const found = new Map(Object.entries(seen).map(([key, trades]) => [key, new Set(trades)]));
    for (const type of ['invoke', 'ok'] as const) history.add(type, 1, { kind: 'read', keys, found });
    history.add('invoke', 2, { kind: 'read', keys, found });
    history.add('ok', 2, { kind: 'read', keys, found: new Map(keys.map((key) => [key, new Set([1])])) });
    history.write(file, rank);
    return (await checkHistory(adya, file, model)) === null;
  };
  expect(await check({ a: [1], b: [1] }, 'strict-serializable')).toBe(true);
  expect(await check({ a: [], b: [] }, 'strict-serializable')).toBe(false);
  expect(await check({ a: [], b: [] }, 'serializable')).toBe(true);
  expect(await check({ a: [1], b: [] }, 'serializable')).toBe(false);
});
