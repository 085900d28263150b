import type { FastifyReply } from '@tradestream/runtime';

/** Aborts when the connection of the caller closes before the answer was sent. */
export function callerGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the caller is gone'));
  });
  return gone.signal;
}
