import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { ReceiptAnswer } from '@tradestream/answers';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';

/** More than the gateway answers at once, and more than the sockets' buffers hold of answers. */
const COUNT = 30_000;
/** What a stream may have published and not answered: its window, and a group beyond it. */
const OUTSTANDING_MAX = 2_500;
const WAIT = '?wait=applied&timeoutMs=60000';

let world: GatewayWorld;
let commands: string;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'gateway-stream', 2);
  const gateway = await world.startGateway();
  await ready(gateway);
  commands = `${gateway.url}/v1/commands`;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('a stream is read no faster than its receipts come, and answered in its order', async () => {
  const before = await published();
  const { sending, answers } = send(`${commands}${WAIT}`, 'receipts');
  // No worker runs: receipts do not come, so the gateway must stop reading.
  await eventually(async () => (await published()) - before >= 2_000, { withinMs: 60_000 });
  await settled();
  expect((await published()) - before).toBeLessThanOrEqual(OUTSTANDING_MAX);
  world.ledger.startWorker();
  const got: ReceiptAnswer[] = [];
  for await (const answer of await answers) got.push(answer as ReceiptAnswer);
  expect(got).toHaveLength(COUNT);
  expect(new Set(got.map(({ outcome }) => outcome))).toEqual(new Set(['applied']));
  // Commands of one user keep their order, and answers that of their lines.
  const places = got.filter((_, index) => index % 2 === 0).map(({ offset }) => offset);
  expect(places).toEqual(places.toSorted((left, right) => left - right));
  expect(sending.writableFinished).toBe(true);
}, 120_000);

test('a stream is read no faster than its answers are taken', async () => {
  const before = await published();
  const { answers } = send(`${commands}${WAIT}`, 'unread');
  const taken = await answers;
  await eventually(async () => (await published()) > before, { withinMs: 60_000 });
  // Nobody takes answers: what the buffers on the way hold is published, the rest is not.
  await settled();
  const unread = (await published()) - before;
  expect(unread).toBeGreaterThan(0);
  expect(unread).toBeLessThan(COUNT);
  let count = 0;
  for await (const answer of taken) {
    expect((answer as ReceiptAnswer).outcome).toBe('applied');
    count += 1;
  }
  expect(count).toBe(COUNT);
  expect((await published()) - before).toBe(COUNT);
}, 120_000);

test('a caller who leaves in the middle harms nobody, and what was answered stands', async () => {
  const { sending, answers } = send(`${commands}${WAIT}`, 'leaver');
  let count = 0;
  for await (const answer of await answers) {
    expect((answer as ReceiptAnswer).outcome).toBe('applied');
    count += 1;
    if (count === 100) break;
  }
  sending.destroy();
  await world.ledger.applied(60_000);
  const [row] = await world.ledger.rows<{ count: number }>(
    `SELECT count(*)::integer AS count FROM ledger.balances WHERE user_id LIKE 'leaver-%'`,
  );
  expect(row?.count).toBeGreaterThan(0);
}, 120_000);

/** Sends deposits of two users in turn as lines, as fast as they are taken. */
function send(url: string, label: string) {
  const headers = { 'content-type': 'application/x-ndjson' };
  const sending = request(url, { method: 'POST', headers });
  sending.on('error', () => undefined); // a test that leaves looks at what was answered
  void write(sending, label);
  const answers = once(sending, 'response').then(([response]) => linesOf(response as IncomingMessage)); // its event's argument
  return { sending, answers };
}

async function write(sending: ClientRequest, label: string): Promise<void> {
  sending.flushHeaders();
  const closed = new Promise((resolve) => sending.once('close', resolve));
  const padding = 'x'.repeat(40);
  for (let index = 0; index < COUNT && !sending.destroyed; index += 1) {
    const userId = `${label}-${index % 2}-${padding}`;
    const line = JSON.stringify({ type: 'DepositFunds', userId, asset: 'USD', amount: '1' });
    if (!sending.write(`${line}\n`))
      await Promise.race([new Promise((resolve) => sending.once('drain', resolve)), closed]);
  }
  sending.end();
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<unknown> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}

async function published(): Promise<number> {
  const ranges = await world.ledger.admin.ranges(world.ledger.topics.commands);
  return ranges.reduce((sum, range) => sum + range.end - range.start, 0);
}

/** Resolves when nothing more is published: the same count over a second. */
async function settled(): Promise<void> {
  let known = -1;
  await eventually(
    async () => {
      const now = await published();
      const isSettled = now === known;
      known = now;
      return isSettled;
    },
    { withinMs: 60_000, everyMs: 1_000 },
  );
}
