import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { post } from '../../services/monitor/src/delivery/post.ts';

const BRIEF_MS = 500;
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

/** `host:port` of a server that answers so. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
}

async function postTo(place: string, allowed: readonly string[] = [place], timeoutMs = 20_000): Promise<void> {
  await post({ url: `http://${place}/hook`, body: '{}', headers: {}, allowed, timeoutMs });
}

test('a redirect is not followed, not even to a place that is allowed', async () => {
  let asked = 0;
  const inner = await serve((_, response) => {
    asked += 1;
    response.end();
  });
  const outer = await serve((_, response) => response.writeHead(307, { location: `http://${inner}/` }).end());
  await expect(postTo(outer, [outer, inner])).rejects.toMatchObject({ code: 'RECEIVER_FAILED', retry: 'later' });
  expect(asked).toBe(0);
});

test('a private address that is not allowed is not even connected to', async () => {
  let asked = 0;
  const place = await serve((_, response) => {
    asked += 1;
    response.end();
  });
  await expect(postTo(place, [])).rejects.toMatchObject({ code: 'RECEIVER_REFUSED', retry: 'never' });
  expect(asked).toBe(0);
});

test('an answer that never comes, that is a failure, or that never ends is a failure, to be tried again', async () => {
  const silent = await serve(() => undefined);
  const failing = await serve((_, response) => response.writeHead(500).end('no'));
  const failed = { code: 'RECEIVER_FAILED', retry: 'later' };
  await expect(postTo(silent, [silent], BRIEF_MS)).rejects.toMatchObject(failed);
  await expect(postTo(failing)).rejects.toMatchObject(failed);
  const dripping = await serve((_, response) => {
    response.writeHead(200);
    response.write('x');
  });
  await expect(postTo(dripping, [dripping], BRIEF_MS)).rejects.toMatchObject(failed);
});

test('of an answer no more is read than a log line needs', async () => {
  const place = await serve((_, response) => response.writeHead(200).end('x'.repeat(10_000_000)));
  await expect(postTo(place)).resolves.toBeUndefined();
});
