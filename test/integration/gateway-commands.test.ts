import type { ProblemAnswer, PublishedAnswer, ReceiptAnswer } from '@tradestream/answers';
import { newCommandId, tradeCommandId } from '@tradestream/contracts';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { call, type GatewayWorld, openGatewayWorld, post, ready } from '../support/gateway-world.ts';

const WAIT = '?wait=applied&timeoutMs=30000';

let world: GatewayWorld;
let commands: string;
let receipts: string;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-commands');
  await parkKey('user:parked');
  world.ledger.startWorker();
  const gateway = await world.startGateway();
  await ready(gateway);
  commands = `${gateway.url}/v1/commands`;
  receipts = `${gateway.url}/v1/receipts`;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('one command is answered with its place, and its receipt names the same place', async () => {
  const { status, body } = await post<PublishedAnswer>(commands, deposit('alice', '12.50'));
  expect(status).toBe(202);
  expect(body.topic).toBe(world.ledger.topics.commands);
  const receipt = await call<ReceiptAnswer>(`${receipts}/${body.commandId}?waitMs=30000`);
  expect(receipt.status).toBe(200);
  const { partition, offset, commandId } = body;
  expect(receipt.body).toMatchObject({ commandId, partition, offset, outcome: 'applied', conflicts: [] });
  expect(receipt.body.events).toEqual([{ partition, seq: expect.any(Number), type: 'FundsDeposited' }]);
  expect(receipt.headers.get('x-consistency-token')).toBe(receipt.body.token);
  expect(receipt.headers.get('x-served-by')).toBe('primary');
});

test('an array is answered in its order, and a bad item hides no good one', async () => {
  const items = [
    deposit('bob', '1'),
    { ...deposit('bob', '1'), amount: 'ten' },
    { ...deposit('bob', '2'), commandId: 'no uuid' },
    deposit('carol', '3'),
    { type: 'Fly' },
    { ...deposit('bob', '1'), note: 'hello' },
  ];
  const { status, body } = await post<readonly (PublishedAnswer & ProblemAnswer)[]>(commands, items);
  expect(status).toBe(202);
  const refused = (index: number, field: string) => ({ status: 400, code: 'MALFORMED_COMMAND', index, field });
  expect(body).toMatchObject([
    { partition: expect.any(Number), offset: expect.any(Number) },
    refused(1, 'amount'),
    refused(2, 'commandId'),
    { partition: expect.any(Number), offset: expect.any(Number) },
    refused(4, 'type'),
    refused(5, 'note'),
  ]);
  expect(body.map(({ rule }) => typeof rule)).toEqual([
    'undefined',
    'string',
    'string',
    'undefined',
    'string',
    'string',
  ]);
  const waited = await call<ReceiptAnswer>(`${receipts}/${body[3]?.commandId}?waitMs=30000`);
  expect(waited.body.outcome).toBe('applied');
});

test('an array of bad items alone, and an empty one, are answered as arrays', async () => {
  const bad = await post<readonly ProblemAnswer[]>(commands, [{}, { type: 'DepositFunds' }]);
  expect(bad.status).toBe(202);
  expect(bad.body).toMatchObject([
    { code: 'MALFORMED_COMMAND', field: 'type', index: 0 },
    { code: 'MALFORMED_COMMAND', field: 'userId', index: 1 },
  ]);
  expect(await post(commands, [])).toMatchObject({ status: 202, body: [] });
});

test('an array that waits is answered with receipts, conflicts among them', async () => {
  const commandId = newCommandId();
  const first = { ...deposit('dave', '5'), commandId };
  const other = { ...deposit('dave', '6'), commandId };
  await post(commands + WAIT, first);
  const { status, body } = await post(commands + WAIT, [first, other, {}]);
  expect(status).toBe(200);
  expect(body).toMatchObject([
    { commandId, outcome: 'applied' },
    { status: 409, code: 'CONFLICT', commandId, index: 1 },
    { status: 400, code: 'MALFORMED_COMMAND', index: 2 },
  ]);
});

test('lines are answered as lines in their order, bad ones and blank ones among them', async () => {
  const lines = [
    JSON.stringify(deposit('erin', '1')),
    '',
    '{"type":"DepositFunds",',
    '[]',
    '7',
    JSON.stringify({ ...deposit('erin', '1'), userId: 'a b' }),
    JSON.stringify(deposit('erin', '2')),
  ];
  const { status, headers, body } = await post(commands, lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  expect(status).toBe(202);
  expect(headers.get('content-type')).toMatch('application/x-ndjson');
  expect(body).toMatchObject([
    { offset: expect.any(Number) },
    { status: 400, code: 'MALFORMED_COMMAND', index: 1, field: 'line', rule: 'JSON' },
    { index: 2, field: 'line', rule: 'a JSON object' },
    { index: 3, field: 'line' },
    { index: 4, field: 'userId' },
    { offset: expect.any(Number) },
  ]);
  const waiting = await post(commands + WAIT, lines.join('\n'), { 'content-type': 'application/x-ndjson' });
  expect(waiting.status).toBe(200);
  expect(waiting.body).toMatchObject([{ outcome: 'applied' }, {}, {}, {}, {}, { outcome: 'applied' }]);
});

test.each([
  ['', 'body'],
  ['{', 'body'],
  ['7', 'body'],
  ['null', 'body'],
  ['"text"', 'body'],
  ['[{"type":"DepositFunds"},7]', 'body'],
  ['[[]]', 'body'],
  ['{}', 'type'],
  ['{"type":"DepositFunds","userId":"a","asset":"USD"}', 'amount'],
  ['{"type":"DepositFunds","userId":"a","asset":"USD","amount":5}', 'amount'],
  ['{"type":"DepositFunds","userId":"a","asset":"USD","amount":"100000000000000000000"}', 'amount'],
])('the body %s is refused whole with 400', async (text, field) => {
  const { status, headers, body } = await post(commands, text);
  expect(status).toBe(400);
  expect(headers.get('content-type')).toMatch('application/problem+json');
  expect(body).toMatchObject({ status: 400, code: 'MALFORMED_COMMAND', field, rule: expect.any(String) });
});

test('what the domain refuses is accepted at the door and rejected in its receipt', async () => {
  const { status, body } = await post(commands + WAIT, { ...deposit('frank', '-1'), amount: '-1' });
  expect(status).toBe(200);
  expect(body).toMatchObject({ outcome: 'rejected', reason: 'INVALID_AMOUNT' });
});

test('a command behind a parked one of its key is parked', async () => {
  const { status, body } = await post(commands + WAIT, deposit('parked', '1'));
  expect(status).toBe(200);
  expect(body).toMatchObject({ outcome: 'parked', reason: 'BEHIND_PARKED', events: [] });
});

test('a command sent again has the first receipt; another payload under its id is a conflict that the receipt lists', async () => {
  const commandId = newCommandId();
  const first = await post<ReceiptAnswer>(commands + WAIT, { ...deposit('grace', '5'), commandId });
  // The same amount and id in another spelling are the same command.
  const again = { ...deposit('grace', '5.000'), commandId: commandId.toUpperCase() };
  const second = await post<ReceiptAnswer>(commands + WAIT, again);
  const { token: _, ...stands } = first.body;
  expect(second.status).toBe(200);
  expect(second.body).toMatchObject(stands);
  const other = await post(commands + WAIT, { ...deposit('grace', '7'), commandId });
  expect(other.status).toBe(409);
  expect(other.body).toMatchObject({ code: 'CONFLICT', commandId, partition: expect.any(Number) });
  const { partition, offset } = other.body;
  await world.ledger.applied(60_000);
  const receipt = await call<ReceiptAnswer>(`${receipts}/${commandId}`);
  expect(receipt.body).toMatchObject({ ...stands, conflicts: [{ partition, offset }] });
});

test('a receipt that does not come in time is 504 and the command stands', async () => {
  // Nothing projects here, so no projection ever has the event.
  const commandId = newCommandId();
  const late = await post(`${commands}?wait=projected&timeoutMs=500`, { ...deposit('heidi', '1'), commandId });
  expect(late.status).toBe(504);
  expect(late.body).toMatchObject({ code: 'WAIT_TIMEOUT', commandId, partition: expect.any(Number) });
  expect((await call(`${receipts}/${commandId}?waitMs=30000`)).body).toMatchObject({ outcome: 'applied' });
});

test('an Idempotency-Key becomes the command id, whatever is sent again under it', async () => {
  const key = newCommandId();
  const headers = { 'idempotency-key': key.toUpperCase() };
  const first = await post(commands + WAIT, deposit('ivan', '1'), headers);
  expect(first.body).toMatchObject({ commandId: key, outcome: 'applied' });
  const same = await post(commands + WAIT, { ...deposit('ivan', '1'), commandId: key }, headers);
  expect(same.body).toMatchObject({ commandId: key, batch: first.body['batch'] });
});

test.each([
  ['that is no UUID', 'no-uuid', deposit('ivan', '1'), 'application/json'],
  [
    'that is not the body’s id',
    newCommandId(),
    { ...deposit('ivan', '1'), commandId: newCommandId() },
    'application/json',
  ],
  ['for an array', newCommandId(), [deposit('ivan', '1')], 'application/json'],
  ['for a stream', newCommandId(), deposit('ivan', '1'), 'application/x-ndjson'],
])('an Idempotency-Key %s is 422', async (_name, key, body, type) => {
  const answer = await post(commands, body, { 'idempotency-key': key, 'content-type': type });
  expect(answer.status).toBe(422);
  expect(answer.body).toMatchObject({ code: 'IDEMPOTENCY_KEY_MISMATCH', field: 'Idempotency-Key' });
});

test('a trade without an id has the one that is made from its symbol and trade id', async () => {
  const trade = {
    type: 'ExecuteTrade',
    tradeId: 'T-1',
    symbol: 'BTC-USD',
    buyOrderId: 'b',
    sellOrderId: 's',
    price: '1',
    quantity: '1',
    executedAt: '2026-01-01T00:00:00.000Z',
  };
  const { body } = await post<PublishedAnswer>(commands, trade);
  expect(body.commandId).toBe(tradeCommandId('BTC-USD', 'T-1'));
});

test('an unknown receipt is 404, also when the wait has run out, and an id that is none is 400', async () => {
  const unknown = newCommandId();
  for (const query of ['', '?waitMs=0', '?waitMs=200']) {
    const { status, body } = await call(`${receipts}/${unknown}${query}`);
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'RECEIPT_NOT_FOUND', commandId: unknown });
  }
  for (const path of ['no-uuid', '%00', unknown.slice(1)]) {
    expect(await call(`${receipts}/${path}`)).toMatchObject({ status: 400, body: { code: 'INVALID_PARAMETER' } });
  }
});

test.each([
  ['commands?wait=soon', 'wait'],
  ['commands?wait=applied&timeoutMs=0', 'timeoutMs'],
  ['commands?wait=applied&timeoutMs=60001', 'timeoutMs'],
  ['commands?wat=applied', 'wat'],
])('%s is refused', async (path, field) => {
  const answer = await post(commands.replace('commands', path), deposit('judy', '1'));
  expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_PARAMETER', field } });
});

function deposit(userId: string, amount: string) {
  return { type: 'DepositFunds', userId, asset: 'USD', amount };
}

/** As a record of that key that was parked before: what follows waits behind it. */
async function parkKey(key: string): Promise<void> {
  await world.ledger.rows(
    `INSERT INTO ledger.parked (topic, partition, "offset", record_time, key, reason, message, blocks_key)
     SELECT $1, partition, -1, now(), $2, 'COMMAND_FAILED', 'parked by the test', true FROM generate_series(0, 5) AS partition`,
    [world.ledger.topics.commands, Buffer.from(key)],
  );
}
