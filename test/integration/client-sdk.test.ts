import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { PublishedAnswer } from '@tradestream/answers';
import { ClientError, openSession, openTradestream, type Tradestream } from '@tradestream/client';
import { encodeToken, newCommandId } from '@tradestream/contracts';
import { type PlaceOrder, type TradeCommand, UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';

const WITHIN = { withinMs: 60_000 } as const;

let world: GatewayWorld;
let gatewayUrl: string;
let tradestream: Tradestream;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'client-sdk');
  world.ledger.startWorker();
  const [gateway, projector] = await Promise.all([world.startGateway(), world.startProjector()]);
  await Promise.all([ready(gateway), ready(projector)]);
  gatewayUrl = gateway.url;
  const {
    KAFKA_BROKERS: brokers = '',
    SCHEMA_REGISTRY_URL: registryUrl = '',
    TRADESTREAM_TOPIC_PREFIX,
  } = world.ledger.env();
  tradestream = await openTradestream({
    brokers: brokers.split(','),
    registryUrl,
    gatewayUrl,
    ...(TRADESTREAM_TOPIC_PREFIX === undefined ? {} : { topicPrefix: TRADESTREAM_TOPIC_PREFIX }),
  });
});
afterAll(async () => {
  await tradestream.close();
  await world[Symbol.asyncDispose]();
});

test('the example of a publishing service publishes, and its command is applied', async () => {
  const published = JSON.parse(await runExample('publish-from-another-service')) as PublishedAnswer;
  expect(published.topic).toBe(world.ledger.topics.commands);
  const receipt = await tradestream.session().receipt(published.commandId, { waitMs: 30_000 });
  expect(receipt).toMatchObject({ outcome: 'applied', partition: published.partition, offset: published.offset });
});

/** Of what the example deposits: no answer shows less. */
let written = 0;

test('the example of reading what was written shows it from a replica', async () => {
  // Where every replica is late, the primary shows it.
  await eventually(async () => {
    const shown = await runExample('read-your-writes');
    const [, servedBy, usd] = /^applied 100; ([a-z0-9-]+) shows ([0-9.]+) USD\n$/.exec(shown) ?? [];
    written += 100;
    expect(Number(usd), shown).toBeGreaterThanOrEqual(written);
    expect(servedBy).toMatch(/^replica-[123]$/);
  }, WITHIN);
});

test('a session sees what it has executed, and hands on what it has seen', async () => {
  const session = tradestream.session();
  expect(session.token).toBeNull();
  const receipt = await tradestream.execute({ command: deposit('alma', 7n) }, { session });
  expect(receipt.outcome).toBe('applied');
  const { balances } = await session.balances('alma', { timeoutMs: 30_000 });
  expect(balances).toEqual([{ asset: 'USD', available: '7', held: '0' }]);
  await eventually(async () => {
    expect((await session.balances('alma', { timeoutMs: 30_000 })).balances).toEqual(balances);
    expect(session.servedBy).toMatch(/^replica-/);
  }, WITHIN);
  const other = tradestream.session(session.token ?? '');
  expect((await other.balances('alma', { preference: 'primary', timeoutMs: 30_000 })).balances).toEqual(balances);
  expect(other.servedBy).toBe('primary');
});

test('a session’s token never goes back, whichever answer comes last', async () => {
  const session = tradestream.session();
  const first = await tradestream.execute({ command: deposit('bob', 1n) }, { session });
  const second = await tradestream.execute({ command: deposit('bob', 1n) }, { session });
  const after = session.token;
  // The earlier receipt again: its token is older.
  expect(await session.receipt(first.commandId)).toMatchObject({ outcome: 'applied' });
  const seen = await session.balances('bob', { timeoutMs: 30_000 });
  expect(seen.balances).toEqual([{ asset: 'USD', available: '2', held: '0' }]);
  expect(second.events[0]?.seq).toBeGreaterThan(first.events[0]?.seq ?? 0);
  expect(after).not.toBeNull();
});

test('all lists are read through their filters and pages', async () => {
  const session = tradestream.session();
  const orders: PlaceOrder[] = [1n, 2n, 3n].map((price) => ({
    type: 'PlaceOrder',
    orderId: `carol-${price}`,
    userId: 'carol',
    symbol: 'BTC-USD',
    side: 'buy',
    price: price * UNIT,
    quantity: UNIT,
  }));
  await tradestream.execute({ command: deposit('carol', 100n) }, { session });
  for (const command of orders) await tradestream.execute({ command }, { session });
  const ids: string[] = [];
  let cursor: string | null = null;
  for (;;) {
    const page = await session.orders(
      { userId: 'carol', limit: 2, ...(cursor === null ? {} : { cursor }) },
      { timeoutMs: 30_000 },
    );
    ids.push(...page.items.map(({ orderId }) => orderId));
    cursor = page.nextCursor;
    if (cursor === null) break;
  }
  expect(ids).toEqual(['carol-3', 'carol-2', 'carol-1']);
  expect(await session.order('carol-1')).toMatchObject({ status: 'open', hold: '1' });
  expect(await session.order('nobody-1')).toBeNull();
  expect(await session.trades({ userId: 'carol' })).toEqual({ items: [], nextCursor: null });
  expect(await session.fills({ orderId: 'carol-1' })).toEqual({ items: [], nextCursor: null });
  expect(await session.candles({ symbol: 'BTC-USD' })).toEqual({ items: [], nextCursor: null });
});

test('the same command published again under its id has no second effect', async () => {
  const commandId = newCommandId();
  const publication = { command: deposit('dave', 5n), commandId };
  const [first, second] = await tradestream.publishAll([publication, publication]);
  expect(second?.offset).toBe((first?.offset ?? 0) + 1);
  const session = tradestream.session();
  expect(await session.receipt(commandId, { waitMs: 30_000 })).toMatchObject({ offset: first?.offset });
  const { balances } = await session.balances('dave', { timeoutMs: 30_000 });
  expect(balances).toEqual([{ asset: 'USD', available: '5', held: '0' }]);
});

test('what is no command is refused with its field before anything of the batch is sent', async () => {
  const before = await ends();
  const bad: TradeCommand = { type: 'DepositFunds', userId: 'no spaces', asset: 'USD', amount: UNIT };
  const refused = tradestream.publishAll([{ command: deposit('erin', 1n) }, { command: bad }]);
  await expect(refused).rejects.toMatchObject({ code: 'CLIENT_INVALID', context: { field: 'userId' } });
  const odd = tradestream.publish({ command: deposit('erin', 1n), commandId: 'odd' });
  await expect(odd).rejects.toMatchObject({ code: 'CLIENT_INVALID', context: { field: 'commandId' } });
  expect(await ends()).toEqual(before);
});

test('an unknown receipt is null once the wait is over, and a command without one in time is told so', async () => {
  const session = tradestream.session();
  expect(await session.receipt(newCommandId(), { waitMs: 100 })).toBeNull();
  await world.ledger.stopWorkers();
  const late = tradestream.execute({ command: deposit('frank', 1n) }, { session, timeoutMs: 200 });
  await expect(late).rejects.toMatchObject({ code: 'CLIENT_TIMED_OUT', retry: 'later' });
  world.ledger.startWorker();
});

test('errors carry what the gateway said', async () => {
  const session = tradestream.session();
  await expect(session.orders({ limit: 0 })).rejects.toMatchObject({
    code: 'CLIENT_REFUSED',
    context: { status: 400, problem: 'INVALID_PARAMETER', field: 'limit' },
  });
  const ahead = tradestream.session(encodeToken({ seqs: { 0: 1_000_000 } }));
  await expect(ahead.orders({}, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'CLIENT_NOT_YET_VISIBLE',
    retry: 'later',
  });
  const nowhere = openSession({ url: 'http://127.0.0.1:1' });
  await expect(nowhere.orders()).rejects.toBeInstanceOf(ClientError);
  await expect(nowhere.orders()).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE', retry: 'later' });
});

function deposit(userId: string, units: bigint): TradeCommand {
  return { type: 'DepositFunds', userId, asset: 'USD', amount: units * UNIT };
}

async function ends(): Promise<readonly number[]> {
  return (await world.ledger.admin.ranges(world.ledger.topics.commands)).map(({ end }) => end);
}

/** What the example writes to standard output. */
async function runExample(name: string): Promise<string> {
  const child = spawn(process.execPath, [`packages/client/examples/${name}.ts`], {
    env: world.ledger.env({ TRADESTREAM_GATEWAY_URL: gatewayUrl }),
  });
  const [out, log, [code]] = await Promise.all([child.stdout.toArray(), child.stderr.toArray(), once(child, 'exit')]);
  expect(code, Buffer.concat(log).toString()).toBe(0);
  return Buffer.concat(out).toString();
}
