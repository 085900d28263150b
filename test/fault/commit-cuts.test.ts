import type { ChildProcess } from 'node:child_process';
import { newCommandId } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type LedgerWorld, openLedgerWorld, type Sent } from '../support/ledger-world.ts';
import { type ProxyConnection, TcpProxy } from '../support/tcp-proxy.ts';
import { verifyWorld } from '../support/verify-world.ts';

const CUTS = 1_000;
/** Every second cut lets a batch through, of two commands: enough of them that none runs out. */
const COMMANDS = CUTS + 200;
const COMMIT = 'COMMIT\0';
const WORKER = {
  TRADESTREAM_WORKER_BATCH_COMMANDS_MAX: '2',
};

let world: LedgerWorld;
let proxy: TcpProxy;
let worker: ChildProcess;
/** Of each cut in its order, whether the server had committed. */
const cuts: boolean[] = [];

beforeAll(async () => {
  world = await openLedgerWorld(inject('endpoints'), 'commit-cuts', 1);
  const before = await TcpProxy.before(world.database.serviceUrls.worker);
  proxy = before.proxy;
  const claiming = new WeakSet<ProxyConnection>();
  proxy.rule = (bytes, connection) => {
    if (bytes.includes('ledger.claim')) claiming.add(connection);
    if (!bytes.includes(COMMIT) || !isApplying(connection)) return 'pass';
    // The COMMIT of a claim settles the one before: it is left alone.
    if (claiming.delete(connection) || cuts.length === CUTS) return 'pass';
    cuts.push(cuts.length % 2 === 0);
    return cuts.at(-1) === true ? 'cut-commit' : 'cut-before';
  };
  worker = world.startWorker({ ...WORKER, TRADESTREAM_WORKER_DATABASE_URL: before.url });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

test('of a thousand COMMITs of the worker whose answer is cut off none is lost and none is done twice', async () => {
  const deposits = Array.from({ length: COMMANDS }, (_, index): Sent => {
    const command = { type: 'DepositFunds', userId: `user-${index % 7}`, asset: 'USD', amount: UNIT } as const;
    return { commandId: newCommandId(), command };
  });
  await world.send(deposits);
  await eventually(() => cuts.length === CUTS || worker.exitCode !== null, { withinMs: 400_000 });
  await world.applied(60_000);
  const [sums] = await world.rows(
    `SELECT (SELECT count(*)::int FROM ledger.receipts WHERE outcome = 'applied') AS applied,
            (SELECT count(DISTINCT command_id)::int FROM ledger.events) AS events,
            (SELECT sum(available)::int FROM ledger.balances) AS total, (SELECT count(*)::int FROM ledger.parked) AS parked`,
  );
  expect(sums).toEqual({ applied: COMMANDS, events: COMMANDS, total: COMMANDS, parked: 0 });
  expect(await verifyWorld(world)).toMatchObject({ ok: true, firstContradiction: null });
}, 480_000);

test('each of them was settled, and logged as what it was', () => {
  const settled = world.logOf(worker).filter(({ event }) => event === 'position_settled');
  const advanced = settled.map(({ before, now }) => Number(now) > Number(before));
  expect(cuts).toHaveLength(CUTS);
  expect(advanced).toEqual(cuts);
});

function isApplying({ greeting }: ProxyConnection): boolean {
  return greeting.includes('application_name\0tradestream-worker\0');
}
