import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { ProblemAnswer } from '@tradestream/answers';
import { newCommandId } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import {
  call,
  type GatewayWorld,
  openGatewayWorld,
  post,
  ready,
  type ServiceProcess,
} from '../support/gateway-world.ts';

const TOKEN = 'a-token-that-is-long-enough-to-be-one';
const KIB = 1_024;

let world: GatewayWorld;
let gateway: ServiceProcess;
let commands: string;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-hostile', 1);
  gateway = await world.startGateway({ TRADESTREAM_GATEWAY_BODY_TIMEOUT_MS: '1000' });
  await ready(gateway);
  commands = `${gateway.url}/v1/commands`;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test.each([
  ['a NUL byte', '{"type":"DepositFunds","userId":"a\\u0000b","asset":"USD","amount":"1"}', 'userId'],
  ['a lone surrogate', '{"type":"DepositFunds","userId":"\\ud800","asset":"USD","amount":"1"}', 'userId'],
  ['a field twice', '{"type":"DepositFunds","userId":"a","asset":"USD","amount":"1","amount":"2"}', 'amount'],
  [
    'a field twice, once escaped',
    '{"type":"DepositFunds","userId":"a","asset":"USD","amount":"1","\\u0061mount":"2"}',
    'amount',
  ],
  ['__proto__', '{"type":"DepositFunds","userId":"a","asset":"USD","__proto__":{"amount":"1"}}', 'amount'],
  [
    '__proto__ beside all fields',
    '{"type":"DepositFunds","userId":"a","asset":"USD","amount":"1","__proto__":{}}',
    '__proto__',
  ],
  ['constructor', '{"type":"constructor","userId":"a"}', 'type'],
  ['a number beyond all', '{"type":"DepositFunds","userId":"a","asset":"USD","amount":1e999}', 'amount'],
  ['an amount with an exponent', '{"type":"DepositFunds","userId":"a","asset":"USD","amount":"1e5"}', 'amount'],
  [
    'an amount of 60,000 digits',
    `{"type":"DepositFunds","userId":"a","asset":"USD","amount":"${'9'.repeat(60_000)}"}`,
    'amount',
  ],
  [
    'an id of 60,000 characters',
    `{"type":"DepositFunds","userId":"${'a'.repeat(60_000)}","asset":"USD","amount":"1"}`,
    'userId',
  ],
  ['a byte order mark', '\ufeff{"type":"DepositFunds","userId":"a","asset":"USD","amount":"1"}', 'body'],
])('%s is refused by its field', async (_name, text, field) => {
  const whole = await post<ProblemAnswer>(commands, text);
  expect(whole).toMatchObject({ status: 400, body: { code: 'MALFORMED_COMMAND', field, rule: expect.any(String) } });
  expect(whole.text.length).toBeLessThan(1_000);
  const good = JSON.stringify({ type: 'DepositFunds', userId: 'a', asset: 'USD', amount: '1' });
  const lines = await post(commands, `${good}\n${text}\n${good}`, { 'content-type': 'application/x-ndjson' });
  expect(lines.body).toMatchObject([{ partition: 0 }, { status: 400, index: 1 }, { partition: 0 }]);
});

test('bytes that are no UTF-8 make no command', async () => {
  const bytes = Buffer.from('{"type":"DepositFunds","userId":"a?","asset":"USD","amount":"1"}');
  bytes[bytes.indexOf('?')] = 0xff;
  const answer = await post(commands, new Blob([bytes], { type: 'application/json' }));
  expect(answer).toMatchObject({ status: 400, body: { code: 'MALFORMED_COMMAND', field: 'userId' } });
});

test('half a million brackets are one bad command', async () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  expect(await post(commands, deep)).toMatchObject({ status: 400, body: { field: 'body' } });
  const inside = `{"type":"CancelOrder","orderId":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)},"symbol":"BTC-USD"}`;
  expect(await post(commands, inside)).toMatchObject({ status: 400, body: { field: 'orderId' } });
});

test.each([
  ['a body beyond 1 MiB', `[${' '.repeat(KIB * KIB)}]`, 'BODY_TOO_LARGE'],
  ['a body far beyond', `[${' '.repeat(8 * KIB * KIB)}]`, 'BODY_TOO_LARGE'],
  ['a command beyond 64 KiB', `{"type":"${'x'.repeat(64 * KIB)}"}`, 'COMMAND_TOO_LARGE'],
  ['5,001 commands', `[${Array.from({ length: 5_001 }, () => '{}').join(',')}]`, 'BATCH_TOO_LARGE'],
])('%s is 413', async (_name, text, code) => {
  expect(await post(commands, text)).toMatchObject({ status: 413, body: { code, rule: expect.any(String) } });
});

test('a line beyond 64 KiB is refused in its place and the lines around it are taken', async () => {
  const good = JSON.stringify({ type: 'DepositFunds', userId: 'a', asset: 'USD', amount: '1' });
  const text = `${good}\n{"type":"${'x'.repeat(3 * KIB * KIB)}"}\n${good}`;
  const { body } = await post(commands, text, { 'content-type': 'application/x-ndjson' });
  expect(body).toMatchObject([
    { partition: 0 },
    { status: 413, code: 'COMMAND_TOO_LARGE', index: 1 },
    { partition: 0 },
  ]);
});

test('another content type, and none, are refused', async () => {
  for (const type of ['text/plain', 'application/xml', 'application/json-seq']) {
    const answer = await post(commands, '{}', { 'content-type': type });
    expect(answer).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } });
  }
  const empty = await call(commands, { method: 'POST' });
  expect(empty).toMatchObject({ status: 400, body: { code: 'MALFORMED_COMMAND', field: 'body' } });
});

test('a body that does not come in time is 408', async () => {
  const sending = request(commands, { method: 'POST', headers: { 'content-type': 'application/json' } });
  sending.write('{"type":');
  const [response] = await once(sending, 'response');
  expect(response.statusCode).toBe(408);
  expect(JSON.parse(String((await response.toArray()).join('')))).toMatchObject({ code: 'BODY_TIMEOUT' });
  sending.destroy();
});

test('bytes that are no HTTP, and paths that are no URL, are problems too', async () => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write('\u0000\u0001 nonsense\r\n\r\n');
  const answer = String((await socket.toArray()).join(''));
  expect(answer).toMatch(/^HTTP\/1.1 400 [^]*application\/problem\+json[^]*"code":"BAD_REQUEST"/);
  for (const path of ['/v1/orders/%ff', `/v1/orders/${'a'.repeat(500)}`, '/v1/nothing']) {
    const { status, headers, body } = await call(gateway.url + path);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(headers.get('content-type')).toMatch('application/problem+json');
    expect(body).toMatchObject({ status, code: expect.stringMatching(/^[A-Z_]+$/) });
  }
});

test('a traceparent of the W3C form goes on to the log, and no other text does', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const ids = [newCommandId(), newCommandId()];
  const deposit = { type: 'DepositFunds', userId: 'trace', asset: 'USD', amount: '1' };
  await post(commands, { ...deposit, commandId: ids[0] }, { traceparent });
  await post(commands, { ...deposit, commandId: ids[1] }, { traceparent: `${traceparent} and more` });
  const found = new Map<string, string | undefined>();
  const reader = await world.ledger.kafka.openReader();
  const [range] = await world.ledger.admin.ranges(world.ledger.topics.commands);
  const topic = world.ledger.topics.commands;
  for await (const records of reader.read({ topic, partition: 0, from: range?.start ?? 0, to: range?.end ?? 0 })) {
    for (const { headers } of records) found.set(String(headers['ce_id']), headers['traceparent']?.toString());
  }
  await reader.close();
  expect(ids.map((id) => found.has(id))).toEqual([true, true]);
  expect(ids.map((id) => found.get(id))).toEqual([traceparent, undefined]);
});

test('a listener beyond localhost needs a token: without one it does not start, with one every route asks for it', async () => {
  await expect(world.startGateway({ TRADESTREAM_GATEWAY_HTTP_HOST: '0.0.0.0' })).rejects.toThrow('has ended');
  const open = await world.startGateway({
    TRADESTREAM_GATEWAY_HTTP_HOST: '0.0.0.0',
    TRADESTREAM_GATEWAY_HTTP_TOKEN: TOKEN,
  });
  const paths = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs/', '/v1/orders', '/nothing'];
  for (const path of paths) {
    const { status, body } = await call(`${open.url}${path}`);
    expect({ path, status, code: body['code'] }).toEqual({ path, status: 401, code: 'TOKEN_REQUIRED' });
    const wrong = await call(`${open.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}x` } });
    expect(wrong.status).toBe(401);
  }
  expect((await post(`${open.url}/v1/commands`, {})).status).toBe(401);
  const authorization = `Bearer ${TOKEN}`;
  expect((await call(`${open.url}/livez`, { headers: { authorization } })).status).toBe(200);
  expect((await post(`${open.url}/v1/commands`, {}, { authorization })).status).toBe(400);
});

test('after all of it the gateway is alive and ready', async () => {
  await ready(gateway);
  expect((await call(`${gateway.url}/livez`)).status).toBe(200);
});
