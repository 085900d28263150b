import { receiptAnswer } from '@tradestream/answers';
import { normaliseUuid } from '@tradestream/contracts';
import { isAccessRefused } from '@tradestream/database';
import { AppError, type FastifyInstance } from '@tradestream/runtime';
import { z } from 'zod';
import { callerGone } from '../http/caller-gone.ts';
import { json, routeSchema } from '../http/openapi.ts';
import { badRequest, notFound, unavailable } from '../http/problems.ts';
import { count, readQuery } from '../http/query-params.ts';
import type { ReceiptStore, StoredReceipt } from './receipt-store.ts';
import type { ReceiptWatch } from './receipt-watch.ts';

const QUERY = z.strictObject({
  waitMs: count({ min: 0, max: 60_000, fallback: 0, doc: 'longest wait for the receipt, ms' }),
});

const TOKEN_HEADERS = {
  'x-served-by': 'node that answered',
  'x-consistency-token': 'makes every later read show the command',
};

const DOC = routeSchema({
  summary: 'What became of a command',
  description: 'Answered by the primary. The token makes every later read show the command.',
  tag: 'receipts',
  params: z.object({ commandId: z.uuid() }),
  query: QUERY,
  answers: { 200: json(receiptAnswer) },
  answerHeaders: TOKEN_HEADERS,
  problems: {
    400: 'INVALID_PARAMETER',
    404: 'RECEIPT_NOT_FOUND: unknown, also when the wait has run out',
    503: 'DATABASE_UNAVAILABLE; with Retry-After',
  },
});

export type ReceiptParts = { readonly receipts: ReceiptWatch; readonly receiptStore: () => ReceiptStore };

/** `GET /v1/receipts/{commandId}` */
export function addReceiptRoutes(app: FastifyInstance, parts: ReceiptParts): void {
  app.get('/v1/receipts/:commandId', { schema: DOC }, async (request, reply) => {
    const { waitMs } = readQuery(QUERY, request.query);
    const { commandId: given } = request.params as { readonly commandId: string }; // the route names it
    const commandId = normaliseUuid(given);
    if (commandId === null) throw badRequest('INVALID_PARAMETER', 'commandId', 'a UUID');
    const store = parts.receiptStore();
    const wait = async () => await parts.receipts.outcome(commandId, { timeoutMs: waitMs, signal: callerGone(reply) });
    const found = (await findReceipt(store, commandId)) ?? (waitMs === 0 ? null : await wait());
    if (found === null) throw notFound('RECEIPT_NOT_FOUND', `no receipt of command ${commandId}`, { commandId });
    return await reply.header('x-served-by', 'primary').header('x-consistency-token', found.token).send(found.answer);
  });
}

/** @throws {HttpProblem} 503 DATABASE_UNAVAILABLE when the primary does not answer now */
async function findReceipt(store: ReceiptStore, commandId: string): Promise<StoredReceipt | null> {
  try {
    return await store.loadReceipt(commandId);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.retry === 'never' && !isAccessRefused(error)) throw error;
    throw unavailable('DATABASE_UNAVAILABLE', 'the primary does not answer now', { cause: error });
  }
}
