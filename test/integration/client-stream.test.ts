import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openSession, type StreamedAnswer, type StreamedCommand, streamCommands } from '@tradestream/client';
import { newCommandId } from '@tradestream/contracts';
import { UNIT } from '@tradestream/trading';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type GatewayWorld, openGatewayWorld, ready } from '../support/gateway-world.ts';

let world: GatewayWorld;
let url: string;

beforeAll(async () => {
  world = await openGatewayWorld(inject('endpoints'), 'client-stream', 2);
  world.ledger.startWorker();
  const gateway = await world.startGateway();
  await ready(gateway);
  url = gateway.url;
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

test('5,000 commands are answered in their order while they are still being sent', async () => {
  const sent: string[] = [];
  const answers = await collect(streamCommands({ url }, commands(5_000, sent), { wait: 'applied', timeoutMs: 60_000 }));
  expect(answers.map(({ commandId }) => commandId)).toEqual(sent);
  expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['applied']));
});

test('the source is asked for no more than the gateway takes', async () => {
  await world.ledger.stopWorkers();
  const sent: string[] = [];
  const stream = streamCommands({ url }, commands(200_000, sent), { wait: 'applied', timeoutMs: 60_000 });
  const first = stream.next();
  let known = 0;
  const isSettled = () => {
    const before = known;
    known = sent.length;
    return before > 0 && known === before;
  };
  await eventually(isSettled, { withinMs: 60_000, everyMs: 1_000 });
  expect(sent.length).toBeLessThan(200_000);
  world.ledger.startWorker();
  expect((await first).value).toMatchObject({ commandId: sent[0], outcome: 'applied' });
  await stream.return(undefined);
});

test('a source that fails ends the stream with its own error', async () => {
  const failure = new Error('the source is broken');
  async function* broken() {
    yield* commands(3, []);
    throw failure;
  }
  await expect(collect(streamCommands({ url }, broken()))).rejects.toBe(failure);
});

test('a stream that is refused whole carries the refusal', async () => {
  const stream = streamCommands({ url }, commands(1, []), { wait: 'applied', timeoutMs: 0 });
  await expect(collect(stream)).rejects.toMatchObject({ code: 'CLIENT_REFUSED', context: { field: 'timeoutMs' } });
});

test('a connection that breaks before the last answer is told', async () => {
  await expect(collect(streamCommands({ url: 'http://127.0.0.1:1' }, commands(1, [])))).rejects.toMatchObject({
    code: 'CLIENT_UNREACHABLE',
  });
  await using peer = await startPeer((answer) => {
    answer.writeHead(202, { 'content-type': 'application/x-ndjson' });
    answer.write('{"commandId":"1"}\n{"comm');
    setImmediate(() => answer.destroy());
  });
  const got: StreamedAnswer[] = [];
  const reading = (async () => {
    for await (const answer of streamCommands({ url: peer.url }, commands(2, []))) got.push(answer);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' });
  expect(got).toEqual([{ commandId: '1' }]);
});

test.each([
  [409, 'CONFLICT', 'CLIENT_CONFLICT'],
  [400, 'INVALID_PARAMETER', 'CLIENT_REFUSED'],
  [401, 'TOKEN_REQUIRED', 'CLIENT_REFUSED'],
  [500, 'INTERNAL', 'CLIENT_UNEXPECTED'],
  [503, 'OVERLOADED', 'CLIENT_UNAVAILABLE'],
  [503, 'NOT_YET_VISIBLE', 'CLIENT_NOT_YET_VISIBLE'],
  [504, 'WAIT_TIMEOUT', 'CLIENT_TIMED_OUT'],
])('the problem %i %s is %s', async (status, problem, code) => {
  await using peer = await startPeer((answer) => {
    answer.writeHead(status, { 'content-type': 'application/problem+json' });
    answer.end(JSON.stringify({ status, code: problem, title: 'because' }));
  });
  await expect(openSession({ url: peer.url }).orders()).rejects.toMatchObject({ code, context: { status, problem } });
});

test('an answer of no gateway is told as such', async () => {
  await using peer = await startPeer((answer) => answer.end('<html>'));
  await expect(openSession({ url: peer.url }).orders()).rejects.toMatchObject({ code: 'CLIENT_UNEXPECTED' });
});

async function* commands(count: number, sent: string[]): AsyncGenerator<StreamedCommand> {
  for (let index = 0; index < count; index += 1) {
    const commandId = newCommandId();
    sent.push(commandId);
    yield { commandId, command: { type: 'DepositFunds', userId: `user-${index % 100}`, asset: 'USD', amount: UNIT } };
  }
}

async function collect(stream: AsyncIterable<StreamedAnswer>): Promise<readonly StreamedAnswer[]> {
  const answers: StreamedAnswer[] = [];
  for await (const answer of stream) answers.push(answer);
  return answers;
}

/** Some other server where a gateway should be. */
async function startPeer(answer: (response: ServerResponse) => void) {
  const server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
