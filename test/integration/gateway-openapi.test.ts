import { Validator } from '@seriousme/openapi-schema-validator';
import { newCommandId } from '@tradestream/contracts';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Answer, call, type GatewayWorld, openGatewayWorld, post, ready } from '../support/gateway-world.ts';

type Schema = Readonly<Record<string, unknown>>;
type Operation = {
  readonly summary?: string;
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { schema: Schema }>> }>
  >;
};
type Document = { readonly openapi: string; readonly paths: Readonly<Record<string, Record<string, Operation>>> };

let world: GatewayWorld;
let url: string;
let document: Document;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-openapi', 1);
  world.ledger.startWorker();
  const [gateway, projector] = await Promise.all([world.startGateway(), world.startProjector()]);
  await Promise.all([ready(gateway), ready(projector)]);
  url = gateway.url;
  document = (await call<Document>(`${url}/openapi.json`)).body;
  await trade();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('the document is valid OpenAPI and names every route of the interface', async () => {
  const result = await new Validator().validate(structuredClone(document));
  expect(result).toMatchObject({ valid: true });
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(routes.sort()).toEqual([
    'get /v1/balances/{userId}',
    'get /v1/candles',
    'get /v1/fills',
    'get /v1/orders',
    'get /v1/orders/{orderId}',
    'get /v1/receipts/{commandId}',
    'get /v1/trades',
    'post /v1/commands',
  ]);
});

test('real answers are what the document says', async () => {
  const commandId = newCommandId();
  const command = { ...deposit('carol'), commandId };
  const commands = '/v1/commands';
  const wait = '?wait=projected&timeoutMs=30000';
  const answers: readonly (readonly [string, string, Answer])[] = [
    ['post', commands, await post(url + commands, command)],
    ['post', commands, await post(url + commands + wait, command)],
    ['post', commands, await post(url + commands, [command, {}])],
    ['post', commands, await post(url + commands + wait, [command, {}])],
    ['post', commands, await post(url + commands, {})],
    ['post', commands, await post(url + commands + wait, { ...command, amount: '2' })],
    ['post', commands, await post(url + commands, command, { 'idempotency-key': 'x' })],
    ['post', commands, await post(url + commands, '{}', { 'content-type': 'text/plain' })],
    ['post', commands, await post(`${url}${commands}?wait=applied&timeoutMs=1`, deposit('dave'))],
    ['get', '/v1/receipts/{commandId}', await call(`${url}/v1/receipts/${commandId}`)],
    ['get', '/v1/receipts/{commandId}', await call(`${url}/v1/receipts/${newCommandId()}`)],
    ['get', '/v1/trades', await call(`${url}/v1/trades`)],
    ['get', '/v1/trades', await call(`${url}/v1/trades?limit=0`)],
    ['get', '/v1/fills', await call(`${url}/v1/fills?limit=1`)],
    ['get', '/v1/orders', await call(`${url}/v1/orders`)],
    ['get', '/v1/orders/{orderId}', await call(`${url}/v1/orders/bid`)],
    ['get', '/v1/orders/{orderId}', await call(`${url}/v1/orders/unknown`)],
    ['get', '/v1/candles', await call(`${url}/v1/candles?symbol=BTC-USD`)],
    ['get', '/v1/balances/{userId}', await call(`${url}/v1/balances/alice`)],
  ];
  const seen = answers.map(([method, path, answer]) => `${method} ${path} ${answer.status}`);
  expect(seen).toContain('post /v1/commands 409');
  expect(seen).toContain('get /v1/orders/{orderId} 200');
  for (const [method, path, answer] of answers) {
    expect(problemsOf(method, path, answer), `${method} ${path} ${answer.status} ${answer.text}`).toEqual([]);
  }
});

test('an answer that differs from the document is seen by this test', async () => {
  const answer = await call(`${url}/v1/orders/bid`);
  const { price: _, ...without } = answer.body;
  expect(problemsOf('get', '/v1/orders/{orderId}', { ...answer, body: without })).not.toEqual([]);
  expect(problemsOf('get', '/v1/orders/{orderId}', { ...answer, body: { ...answer.body, price: 1.5 } })).not.toEqual(
    [],
  );
});

test('the document is readable at /docs, with nothing fetched from elsewhere', async () => {
  const page = await call(`${url}/docs/`);
  expect(page.status).toBe(200);
  expect(page.text).toMatch(/<html/i);
  const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '');
  expect(sources.length).toBeGreaterThan(0);
  for (const source of sources) {
    const address = new URL(source, `${url}/docs/`);
    expect(address.origin).toBe(url);
    expect((await call(address.href)).status).toBe(200);
  }
});

/** What of the answer the document does not say; an empty list for an answer that it describes. */
function problemsOf(method: string, path: string, answer: Answer): readonly unknown[] {
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const schema = document.paths[path]?.[method]?.responses[answer.status]?.content?.[type]?.schema;
  if (schema === undefined) return [`${answer.status} ${type} is not described`];
  const ajv = new Ajv({ strict: false, validateFormats: false });
  return ajv.validate(schema, answer.body) ? [] : (ajv.errors ?? ['invalid']);
}

function deposit(userId: string, asset = 'USD', amount = '1') {
  return { type: 'DepositFunds', userId, asset, amount };
}

/** One trade between alice and bob, so that every view has a row. */
async function trade(): Promise<void> {
  const order = { type: 'PlaceOrder', symbol: 'BTC-USD', price: '10', quantity: '1' };
  const sides = { buyOrderId: 'bid', sellOrderId: 'ask', executedAt: '2026-01-01T00:00:00Z' };
  const steps = [
    [deposit('alice', 'USD', '10'), deposit('bob', 'BTC', '1')],
    [
      { ...order, orderId: 'bid', userId: 'alice', side: 'buy' },
      { ...order, orderId: 'ask', userId: 'bob', side: 'sell' },
      { type: 'ExecuteTrade', tradeId: 't', symbol: 'BTC-USD', price: '10', quantity: '1', ...sides },
    ],
  ];
  for (const step of steps) {
    const { status, body, text } = await post(`${url}/v1/commands?wait=projected&timeoutMs=60000`, step);
    expect(status, text).toBe(200);
    expect(body, text).toMatchObject(step.map(() => ({ outcome: 'applied' })));
  }
}
