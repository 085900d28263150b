import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import {
  createLogger,
  createMetrics,
  type HttpOptions,
  HttpProblem,
  type HttpServer,
  openHttp,
  Readiness,
} from '@tradestream/runtime';
import { describe, expect, test } from 'vitest';

type TestServer = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly http: HttpServer;
  readonly readiness: Readiness;
  readonly lines: readonly string[];
};

const TOKEN = 'a-token-of-at-least-32-characters';

/** A server with a few routes of the test's own. */
async function openServer(changes: Partial<HttpOptions> = {}): Promise<TestServer> {
  const lines: string[] = [];
  const readiness = new Readiness();
  const http = openHttp({
    host: '127.0.0.1',
    port: 0,
    log: createLogger({ service: 'http-test', destination: { write: (line) => lines.push(line) } }),
    metrics: createMetrics({ service: 'http-test' }),
    readiness,
    bodyBytesMax: 1_000,
    ...changes,
  });
  http.app.post('/echo', async (request) => request.body);
  http.app.get('/taken', async () => {
    throw new HttpProblem({
      status: 409,
      code: 'TAKEN',
      title: 'it is taken',
      extra: { by: 'bob' },
      headers: { 'retry-after': '3' },
    });
  });
  http.app.get('/broken', async () => {
    throw new TypeError('the secret of the inside');
  });
  const port = Number(new URL(await http.listen()).port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    http,
    readiness,
    lines,
    [Symbol.asyncDispose]: () => http.close(),
  };
}

async function expectProblem(answer: Response, expected: Readonly<Record<string, unknown>>): Promise<void> {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body: unknown = await answer.json();
  expect(body).toMatchObject({ ...expected, type: `urn:tradestream:problem:${String(expected['code'])}` });
  expect(answer.status).toBe(expected['status']);
}

/** Everything that the server says to raw bytes before it ends the connection. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes);
  return await textOf(socket);
}

function postJson(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}

describe('answers', () => {
  test('an unknown route is a problem', async () => {
    await using server = await openServer();
    await expectProblem(await fetch(`${server.url}/nothing?password=x`), {
      status: 404,
      code: 'NOT_FOUND',
      title: 'no route GET /nothing',
    });
  });

  test('a thrown problem is written with its members and headers', async () => {
    await using server = await openServer();
    const answer = await fetch(`${server.url}/taken`);
    expect(answer.headers.get('retry-after')).toBe('3');
    await expectProblem(answer, { status: 409, code: 'TAKEN', title: 'it is taken', by: 'bob' });
  });

  test('an unexpected error names nothing of the inside; the log has it under the same request id', async () => {
    await using server = await openServer();
    const answer = await fetch(`${server.url}/broken`);
    const body = await answer.clone().text();
    await expectProblem(answer, { status: 500, code: 'INTERNAL' });
    expect(body).not.toMatch(/secret|TypeError|at /);
    expect(server.lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      {
        event: 'request_failed',
        route: '/broken',
        requestId: JSON.parse(body).requestId,
        error: { message: 'the secret of the inside' },
      },
    ]);
  });

  test('what is no JSON, no known type or no URL is a problem', async () => {
    await using server = await openServer();
    await expectProblem(await postJson(`${server.url}/echo`, '{"a":'), { status: 400, code: 'BAD_REQUEST' });
    const xml = { method: 'POST', headers: { 'content-type': 'application/xml' }, body: '<a/>' };
    await expectProblem(await fetch(`${server.url}/echo`, xml), { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    await expectProblem(await fetch(`${server.url}/%zz`), { status: 400, code: 'BAD_REQUEST' });
  });

  test('members that would reach into the prototype are dropped', async () => {
    await using server = await openServer();
    const answer = await postJson(`${server.url}/echo`, '{"a":1,"__proto__":{"x":1},"constructor":{"prototype":{}}}');
    expect(await answer.json()).toEqual({ a: 1 });
  });

  test('liveness, readiness with its reasons, and metrics', async () => {
    await using server = await openServer();
    expect(await (await fetch(`${server.url}/livez`)).json()).toEqual({ status: 'ok' });
    server.readiness.set('database', false, 'no answer');
    const waiting = await fetch(`${server.url}/readyz`);
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toEqual({
      status: 'waiting',
      parts: [{ part: 'database', ok: false, detail: 'no answer' }],
    });
    server.readiness.set('database', true);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const metrics = await fetch(`${server.url}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('version=0.0.4');
    expect(await metrics.text()).toContain('tradestream_process_cpu_seconds_total{service="http-test"}');
  });
});

describe('limits', () => {
  test('a body up to its limit is taken, one byte more is not', async () => {
    await using server = await openServer();
    const largest = JSON.stringify('x'.repeat(998));
    expect(await (await postJson(`${server.url}/echo`, largest)).text()).toContain('xxx');
    await expectProblem(await postJson(`${server.url}/echo`, JSON.stringify('x'.repeat(999))), {
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  test('a chunked body that says no length is bounded too', async () => {
    await using server = await openServer();
    const chunk = `${(600).toString(16)}\r\n${'1'.repeat(600)}\r\n`;
    const head =
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    const answer = await answerTo(server.port, `${head}${chunk}${chunk}0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"PAYLOAD_TOO_LARGE"');
  });

  test('headers that do not come in time end the connection with a problem', async () => {
    await using server = await openServer({ headersTimeoutMs: 200, requestTimeoutMs: 600_000 });
    const answer = await answerTo(server.port, 'GET /livez HTTP/1.1\r\nhost: x\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"REQUEST_TIMEOUT"');
  });

  test('a body that does not come in time ends the connection', async () => {
    await using server = await openServer({ headersTimeoutMs: 200, requestTimeoutMs: 400 });
    const head = 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"a"';
    const answer = await answerTo(server.port, head);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('headers that are too large, and bytes that are no HTTP, are problems', async () => {
    await using server = await openServer();
    const large = await answerTo(server.port, `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`);
    expect(large).toMatch(/^HTTP\/1\.1 431 /);
    expect(large).toContain('"code":"REQUEST_HEADER_FIELDS_TOO_LARGE"');
    const noise = await answerTo(server.port, '\u0001\u0002 nonsense\r\n\r\n');
    expect(noise).toMatch(/^HTTP\/1\.1 400 /);
    expect(noise).toContain('"code":"BAD_REQUEST"');
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });
});

describe('a listener beyond localhost', () => {
  test('is not opened without a token of 32 characters', () => {
    const options = {
      port: 0,
      log: createLogger({ service: 'http-test', level: 'silent' }),
      metrics: createMetrics({ service: 'http-test' }),
      readiness: new Readiness(),
      bodyBytesMax: 1,
    } as const;
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '']) {
      for (const token of [undefined, '', TOKEN.slice(0, 31)]) {
        expect(() => openHttp({ ...options, host, token })).toThrow(
          expect.objectContaining({ code: 'RT_CONFIG_INVALID' }),
        );
      }
    }
    expect(() => openHttp({ ...options, host: '0.0.0.0', token: TOKEN })).not.toThrow();
    expect(() => openHttp({ ...options, host: 'localhost' })).not.toThrow();
  });

  test('needs the token on every route, those that do not exist too', async () => {
    await using server = await openServer({ host: '0.0.0.0', token: TOKEN });
    const wrong = [undefined, '', TOKEN, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `bearer ${TOKEN}`, 'Bearer '];
    for (const path of ['/livez', '/readyz', '/metrics', '/taken', '/nothing']) {
      for (const authorization of wrong) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await fetch(`${server.url}${path}`, { headers });
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        await expectProblem(answer, { status: 401, code: 'TOKEN_REQUIRED' });
      }
    }
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await fetch(`${server.url}/livez`, { headers })).status).toBe(200);
    expect((await fetch(`${server.url}/nothing`, { headers })).status).toBe(404);
  });

  test('on localhost no token is asked for', async () => {
    await using server = await openServer({ token: TOKEN });
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  test('a check of the caller takes the place of the token, on every route', async () => {
    await using server = await openServer({
      authorize: async (request) => {
        if (request.headers.authorization !== 'me') {
          throw new HttpProblem({ status: 403, code: 'ROLE_REQUIRED', title: 'not you' });
        }
      },
    });
    await expectProblem(await fetch(`${server.url}/metrics`), { status: 403, code: 'ROLE_REQUIRED' });
    await expectProblem(await fetch(`${server.url}/nothing`), { status: 403, code: 'ROLE_REQUIRED' });
    expect((await fetch(`${server.url}/livez`, { headers: { authorization: 'me' } })).status).toBe(200);
  });
});

describe('closing', () => {
  test('a request in flight is answered before the server is closed; idle connections keep nothing', async () => {
    await using server = await openServer();
    const idle = connect(server.port, '127.0.0.1');
    await once(idle, 'connect');
    idle.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(idle, 'data');
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const head =
      'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7\r\nexpect: 100-continue';
    socket.write(`${head}\r\n\r\n`);
    const [goOn] = await once(socket, 'data');
    expect(String(goOn)).toContain('100 Continue');
    const answer = textOf(socket);
    const closed = server.http.close();
    socket.write('{"a":1}');
    expect(await answer).toMatch(/200 OK[^]*\{"a":1\}$/);
    await Promise.all([closed, server.http.close()]);
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed');
  });
});
