import { timingSafeEqual } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { RuntimeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Readiness } from '../readiness.ts';
import type { Closeable } from '../scope.ts';
import { HttpProblem } from './problem.ts';

export type HttpOptions = {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Largest body of a request, bytes. */
  readonly bodyBytesMax: number;
  /** Longest time for a whole request, milliseconds. 0 where routes read streams and bound them themselves. */
  readonly requestTimeoutMs?: number;
  /** Longest time for the headers of a request, milliseconds. */
  readonly headersTimeoutMs?: number;
  /** Needed as `Authorization: Bearer` on every route when the listener is not on loopback. */
  readonly token?: string | undefined;
  /** Takes the place of `token`: called on every route, those of this server too; throws an HttpProblem to refuse. */
  readonly authorize?: (request: FastifyRequest) => Promise<void>;
};

export interface HttpServer extends Closeable {
  /** Add routes before `listen`. */
  readonly app: FastifyInstance;
  /** Resolves with the URL once the socket takes connections. */
  listen(): Promise<string>;
}

/** How often Node looks for connections whose time is over: by its own default 10 s for headers may become 40. */
const CHECKED_EVERY_MS = 1_000;
const IDLE_CLOSED_EVERY_MS = 50;

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/** Whether a listener on it is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host);
}

/**
 * A server with `/livez`, `/readyz`, `/metrics` and problem answers. Slow clients are bounded:
 * 10 s for headers, 30 s for a body. An answer to an unexpected error names nothing of the inside.
 * @throws {RuntimeError} RT_CONFIG_INVALID for a listener beyond loopback without a token.
 */
export function openHttp(options: HttpOptions): HttpServer {
  const { host, port, log, metrics, readiness, token, authorize } = options;
  if (authorize === undefined && !isLoopback(host) && (token === undefined || token.length < 32)) {
    throw new RuntimeError('RT_CONFIG_INVALID', {
      detail: `listening on ${host} needs a token of at least 32 characters for every route`,
    });
  }
  const app = Fastify({
    bodyLimit: options.bodyBytesMax,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    forceCloseConnections: 'idle',
    // What is in flight when the server closes is answered like any other; its connection ends after it.
    return503OnClosing: false,
    onProtoPoisoning: 'remove',
    onConstructorPoisoning: 'remove',
    http: { headersTimeout: options.headersTimeoutMs ?? 10_000, connectionsCheckingInterval: CHECKED_EVERY_MS },
    frameworkErrors: (error, request, reply) => void sendProblem(reply, problemOf(error, request, log)),
    clientErrorHandler: refuseConnection,
  });
  if (authorize !== undefined) app.addHook('onRequest', authorize);
  else if (!isLoopback(host) && token !== undefined) app.addHook('onRequest', requireToken(token));
  app.setErrorHandler((error: FastifyError | HttpProblem, request, reply) =>
    sendProblem(reply, problemOf(error, request, log)),
  );
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new HttpProblem({
        status: 404,
        code: 'NOT_FOUND',
        title: `no route ${request.method} ${request.url.split('?')[0]}`,
      }),
    ),
  );
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const { ready, parts } = readiness.snapshot();
    return await reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'waiting', parts });
  });
  app.get('/metrics', async (_request, reply) => {
    return await reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.text());
  });
  let closing: Promise<void> | null = null;
  return {
    app,
    listen: () => app.listen({ host, port }),
    close: () => {
      closing ??= closeServer(app);
      return closing;
    },
  };
}

/**
 * Waits for the requests in flight. A connection that was kept open becomes idle only after its
 * answer: asked for once, at the start, it would keep the server for the whole keep-alive time.
 */
async function closeServer(app: FastifyInstance): Promise<void> {
  const sweep = setInterval(() => app.server.closeIdleConnections(), IDLE_CLOSED_EVERY_MS);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}

function requireToken(token: string): (request: FastifyRequest) => Promise<void> {
  const expected = Buffer.from(`Bearer ${token}`);
  return async (request) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new HttpProblem({
        status: 401,
        code: 'TOKEN_REQUIRED',
        title: 'this listener needs a valid bearer token',
        headers: { 'www-authenticate': 'Bearer' },
      });
    }
  };
}

function problemOf(error: FastifyError | HttpProblem, request: FastifyRequest, log: Logger): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const status = error.statusCode ?? 500;
  if (status < 500) {
    return new HttpProblem({ status, code: codeOf(status), title: error.message, cause: error });
  }
  log.error(
    { error, method: request.method, route: request.routeOptions.url, requestId: request.id },
    'request_failed',
  );
  return new HttpProblem({
    status: 500,
    code: 'INTERNAL',
    title: 'the request failed; the log names it by its requestId',
    extra: { requestId: request.id },
  });
}

/** What the server itself refuses, under codes that outlive its libraries. */
function codeOf(status: number): string {
  return (STATUS_CODES[status] ?? 'Bad Request').toUpperCase().replaceAll(/[^A-Z]+/g, '_');
}

/** Bytes that are no HTTP, headers that are too long or too slow: answered where that is still possible. */
function refuseConnection(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const text = JSON.stringify(new HttpProblem({ status, code: codeOf(status), title: STATUS_CODES[status] ?? '' }));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/problem+json\r\n`;
  if (socket.writable) {
    socket.write(`${head}content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
  }
  socket.destroy(error);
}

async function sendProblem(reply: FastifyReply, problem: HttpProblem): Promise<void> {
  await reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}
