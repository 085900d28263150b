import type { Readable } from 'node:stream';
import { type FastifyInstance, type FastifyRequest, HttpProblem, RuntimeError, waitFor } from '@tradestream/runtime';
import { tooLarge } from './problems.ts';

/** What a route gets as the body: text that was read whole, or the stream itself. */
export type RequestBody =
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'ndjson'; readonly stream: Readable };

export type BodyLimits = {
  readonly jsonBytesMax: number;
  /** Longest time for a whole JSON body, milliseconds. */
  readonly timeoutMs: number;
};

/** A stream may be silent for so long, milliseconds: longer than an answer may be waited for. */
const STREAM_IDLE_MS = 90_000;
/** Of a body that is too large so much is thrown away before the answer: a sender in the middle of it could not read one. */
const DISCARDED_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Reads bodies within a bound of bytes and of time, and leaves `application/x-ndjson` unread for
 * the route. Every other content type is refused with 415.
 */
export function acceptBodies(app: FastifyInstance, limits: BodyLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', async (_request: unknown, payload: Readable): Promise<RequestBody> => {
    return { kind: 'json', text: await readText(payload, limits) };
  });
  app.addContentTypeParser(
    'application/x-ndjson',
    async (request: FastifyRequest, payload: Readable): Promise<RequestBody> => {
      request.raw.socket.setTimeout(STREAM_IDLE_MS);
      return { kind: 'ndjson', stream: payload };
    },
  );
  app.addContentTypeParser('*', async () => {
    throw new HttpProblem({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
      title: 'the body must be application/json or application/x-ndjson',
    });
  });
}

async function readText(payload: Readable, limits: BodyLimits): Promise<string> {
  const { jsonBytesMax, timeoutMs } = limits;
  const untilMs = performance.now() + timeoutMs;
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving off must not destroy the socket: a refusal is still to be written to it.
  const iterator = payload.iterator({ destroyOnReturn: false });
  for (;;) {
    const chunk = await nextChunk(iterator, untilMs);
    if (chunk === null) break;
    bytes += chunk.length;
    if (bytes > jsonBytesMax + DISCARDED_BYTES_MAX) break;
    if (bytes <= jsonBytesMax) chunks.push(chunk);
  }
  if (bytes <= jsonBytesMax) return Buffer.concat(chunks).toString('utf8');
  throw tooLarge('BODY_TOO_LARGE', `at most ${jsonBytesMax} bytes`);
}

async function nextChunk(iterator: NodeJS.AsyncIterator<unknown>, untilMs: number): Promise<Buffer | null> {
  try {
    const timeoutMs = Math.max(1, untilMs - performance.now());
    const next = await waitFor(iterator.next(), { timeoutMs, stage: 'read a body' });
    return next.done === true ? null : (next.value as Buffer); // no encoding was set, so chunks are buffers
  } catch (cause) {
    const isLate = cause instanceof RuntimeError;
    throw new HttpProblem({
      status: isLate ? 408 : 400,
      code: isLate ? 'BODY_TIMEOUT' : 'BODY_INCOMPLETE',
      title: isLate ? 'the body did not come in time' : 'the body broke off',
      headers: { connection: 'close' },
      cause,
    });
  }
}
