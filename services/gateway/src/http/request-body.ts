import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from '@tradestream/runtime';
import { HttpProblem } from '@tradestream/runtime';
import { tooLarge } from './problems.ts';

/** What a route gets as the body: text that was read whole, or the stream itself. */
export type RequestBody =
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'ndjson'; readonly stream: Readable };

/** Longest time for a whole body, milliseconds; a stream may instead be silent for that long. */
const BODY_TIMEOUT_MS = 30_000;
const STREAM_IDLE_MS = 60_000;

/**
 * Reads bodies within a bound of bytes and of time, and leaves `application/x-ndjson` unread for
 * the route. Every other content type is refused with 415.
 */
export function acceptBodies(app: FastifyInstance, limits: { readonly jsonBytesMax: number }): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', async (_request: unknown, payload: Readable): Promise<RequestBody> => {
    return { kind: 'json', text: await readText(payload, limits.jsonBytesMax) };
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

async function readText(payload: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => payload.destroy(new Error('the body took too long')), BODY_TIMEOUT_MS);
  try {
    // Leaving the loop must not destroy the socket: the refusal is still to be written to it.
    for await (const chunk of payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge('BODY_TOO_LARGE', `at most ${bytesMax} bytes`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
