import type { ReceiptAnswer } from '@tradestream/answers';
import { newCommandId } from '@tradestream/contracts';
import { createLogger } from '@tradestream/runtime';
import { openStack, type Stack } from '@tradestream/stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import {
  type Answer,
  call,
  type GatewayWorld,
  openGatewayWorld,
  post,
  ready,
  type ServiceProcess,
} from '../support/gateway-world.ts';

let stack: Stack;
let world: GatewayWorld;
let gateway: ServiceProcess;
let commands: string;

// What is stopped here would harm the other files: this one has a stack of its own.
beforeAll(async () => {
  stack = await openStack({ log: createLogger({ service: 'outage-stack', level: 'warn' }) });
  world = await openGatewayWorld(stack.endpoints, 'gateway-outage', 2);
  world.ledger.startWorker();
  gateway = await world.startGateway({
    TRADESTREAM_GATEWAY_PUBLISH_TIMEOUT_MS: '3000',
    TRADESTREAM_GATEWAY_OUTSTANDING_MAX: '50',
  });
  commands = `${gateway.url}/v1/commands`;
  await ready(gateway);
}, 120_000);
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await stack.close();
}, 120_000);

test('with the broker frozen nothing is accepted: 503 with Retry-After, a bounded queue, and readiness says why', async () => {
  stack.signalPart('kafka', 'SIGSTOP');
  try {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => post(commands, deposit(`frozen-${index}`))),
    );
    for (const answer of answers) expectUnavailable(answer, ['BROKER_UNAVAILABLE', 'OVERLOADED']);
    const codes = answers.map(({ body }) => body['code']);
    expect(codes).toContain('BROKER_UNAVAILABLE');
    expect(codes.filter((code) => code === 'OVERLOADED').length).toBeGreaterThanOrEqual(150);
    // What may have gone out is named, so that it can be sent again without a second effect.
    const undecided = answers.filter(({ body }) => body['code'] === 'BROKER_UNAVAILABLE');
    for (const { body } of undecided) expect(body['commandId']).toEqual(expect.any(String));
    const batch = await post(commands, [deposit('a'), { type: 'Fly' }, deposit('b')]);
    expectUnavailable(batch, ['BROKER_UNAVAILABLE']);
    const { status, body } = await call(`${gateway.url}/readyz`);
    expect(status).toBe(503);
    expect(body['parts']).toContainEqual({ part: 'broker', ok: false, detail: expect.stringMatching(/./) });
    expect((await call(`${gateway.url}/livez`)).status).toBe(200);
  } finally {
    stack.signalPart('kafka', 'SIGCONT');
  }
  await ready(gateway);
  const { status, body } = await post(`${commands}?wait=applied&timeoutMs=30000`, deposit('thawed'));
  expect({ status, outcome: body['outcome'] }).toEqual({ status: 200, outcome: 'applied' });
}, 120_000);

test('with broker and registry killed a stream refuses its lines and a new gateway waits; once the broker is back all goes on by itself', async () => {
  const ids = Array.from({ length: 20 }, newCommandId);
  const lines = ids.map((commandId, index) => JSON.stringify({ ...deposit(`stream-${index}`), commandId }));
  const headers = { 'content-type': 'application/x-ndjson' };
  await Promise.all([stack.stopPart('kafka', 'SIGKILL'), stack.stopPart('registry', 'SIGKILL')]);
  const refused = await post<unknown>(commands, lines.join('\n'), headers);
  // Refused whole, or line by line when the loss of the broker was not known yet.
  const problems = Array.isArray(refused.body) ? refused.body : [refused.body];
  for (const problem of problems) expect(problem).toMatchObject({ status: 503, code: 'BROKER_UNAVAILABLE' });

  const early = await world.startGateway();
  const missing = ['REGISTRY_UNAVAILABLE', 'BROKER_UNAVAILABLE'];
  expectUnavailable(await post(`${early.url}/v1/commands`, deposit('early')), missing);
  const { status, body } = await eventually(
    async () => {
      const answer = await call(`${early.url}/readyz`);
      expect(answer.text).toContain('"needed"');
      return answer;
    },
    { withinMs: 60_000 },
  );
  expect(status).toBe(503);
  expect(body['parts']).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ part: 'broker', ok: false }),
      // The ledger knows the schemas.
      expect.objectContaining({ part: 'registry', ok: false, needed: false }),
    ]),
  );

  await stack.startPart('kafka');
  await Promise.all([ready(gateway), ready(early)]);
  const registryStarted = stack.startPart('registry');
  // Under the same ids, so that what may have gone out before has one effect.
  const wait = '?wait=applied&timeoutMs=60000';
  const again = await post<readonly ReceiptAnswer[]>(commands + wait, lines.join('\n'), headers);
  expect(again.body.map(({ commandId, outcome }) => ({ commandId, outcome }))).toEqual(
    ids.map((commandId) => ({ commandId, outcome: 'applied' })),
  );
  const balances = await world.ledger.rows<{ available: string }>(
    `SELECT trim_scale(available)::text AS available FROM ledger.balances WHERE user_id LIKE 'stream-%'`,
  );
  expect(balances.map(({ available }) => available)).toEqual(ids.map(() => '1'));
  expect((await post(`${early.url}/v1/commands${wait}`, deposit('early'))).status).toBe(200);
  await registryStarted;
}, 180_000);

test('reads go on while replicas are frozen, late or gone, and come back to them', async () => {
  const reader = await world.startGateway({ TRADESTREAM_GATEWAY_LAG_MS_MAX: '1000' });
  await ready(reader);
  const served = async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => call(`${reader.url}/v1/orders`)));
    for (const answer of answers) expect(answer.status, answer.text).toBe(200);
    return [...new Set(answers.map(({ headers }) => headers.get('x-served-by') ?? ''))].toSorted((a, b) =>
      a.localeCompare(b),
    );
  };
  const servedSoon = (nodes: readonly string[]) =>
    eventually(async () => JSON.stringify(await served()) === JSON.stringify(nodes), {
      withinMs: 60_000,
      everyMs: 300,
    });
  const all = ['replica-1', 'replica-2', 'replica-3'];
  await servedSoon(all);

  stack.signalPart('replica-1', 'SIGSTOP');
  try {
    await servedSoon(['replica-2', 'replica-3']);
  } finally {
    stack.signalPart('replica-1', 'SIGCONT');
  }
  await servedSoon(all);

  await stack.pauseReplay('replica-2');
  try {
    await world.ledger.rows('CREATE TABLE written_meanwhile (n integer)');
    await servedSoon(['replica-1', 'replica-3']);
  } finally {
    await stack.resumeReplay('replica-2');
  }
  await servedSoon(all);

  await Promise.all([stack.stopPart('replica-1'), stack.stopPart('replica-2'), stack.stopPart('replica-3')]);
  await servedSoon(['primary']);
  await Promise.all([stack.startPart('replica-1'), stack.startPart('replica-2'), stack.startPart('replica-3')]);
  await servedSoon(all);
}, 180_000);

test('with the primary away receipts are 503 and what was published is applied once it is back', async () => {
  const commandId = newCommandId();
  const receipt = `${gateway.url}/v1/receipts/${commandId}`;
  await stack.stopPart('primary');
  try {
    expect((await post(commands, { ...deposit('headless'), commandId })).status).toBe(202);
    expectUnavailable(await call(receipt), ['DATABASE_UNAVAILABLE']);
    const waited = await post(`${commands}?wait=applied&timeoutMs=500`, { ...deposit('headless'), commandId });
    expect(waited).toMatchObject({ status: 504, body: { code: 'WAIT_TIMEOUT' } });
    // Replicas go on answering reads.
    const read = await call(`${gateway.url}/v1/orders`);
    expect({ status: read.status, servedBy: read.headers.get('x-served-by') }).toEqual({
      status: 200,
      servedBy: expect.stringMatching(/^replica-/),
    });
    await eventually(async () => (await call(`${gateway.url}/readyz`)).status === 503, { withinMs: 60_000 });
  } finally {
    await stack.startPart('primary');
  }
  await ready(gateway);
  expect((await call(`${receipt}?waitMs=60000`)).body).toMatchObject({ outcome: 'applied' });
}, 120_000);

function expectUnavailable(answer: Answer, codes: readonly string[]): void {
  expect(answer.status, answer.text).toBe(503);
  expect(codes).toContain(answer.body['code']);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
}

function deposit(userId: string) {
  return { type: 'DepositFunds', userId, asset: 'USD', amount: '1' };
}
