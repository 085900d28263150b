import { balancesAnswer, candleAnswer, fillAnswer, listAnswer, orderAnswer, tradeAnswer } from '@tradestream/answers';
import { parseTime } from '@tradestream/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest, Logger } from '@tradestream/runtime';
import { z } from 'zod';
import { callerGone } from '../http/caller-gone.ts';
import { json, routeSchema } from '../http/openapi.ts';
import { badRequest, notFound } from '../http/problems.ts';
import { count, matching, readQuery } from '../http/query-params.ts';
import { type ListView, pageOf, pageStatement } from './list-view.ts';
import type { Reads } from './open-reads.ts';
import { queryView, type ViewAnswer, type ViewQuery } from './query-view.ts';
import { BALANCES, CANDLES, FILLS, ORDERS, TRADES } from './views.ts';

export type ViewParts = { readonly reads: () => Reads; readonly log: Logger };

const READ_PREFERENCES = ['primary', 'secondary', 'nearest'] as const;

const ID = /^[A-Za-z0-9._:-]{1,64}$/;
const SYMBOL = /^[\x20-\x7e]{1,64}$/;
const TIME_RULE = 'ISO 8601 with Z or an offset, at most milliseconds, from 1970 to 2200';

const ID_RULE = '1 to 64 of A-Z a-z 0-9 . _ : -';
const ONE_ID = z.string().regex(ID);

const id = (doc: string) => matching(ID, ID_RULE, doc).optional();
const symbol = matching(SYMBOL, '1 to 64 printable characters', 'as BTC-USD');
const time = (doc: string) =>
  z
    .string({ error: TIME_RULE })
    .refine((text) => parseTime(text) !== null, { error: TIME_RULE })
    .transform((text) => parseTime(text) ?? 0)
    .optional()
    .meta({ description: doc, format: 'date-time' });
const timeoutMs = count({
  min: 1,
  max: 60_000,
  fallback: 2_000,
  doc: 'longest wait for a node that shows what the token has seen, ms',
});
const RANGE = { from: time('inclusive'), to: time('exclusive') };
const PAGE = {
  limit: count({ min: 1, max: 1_000, fallback: 100, doc: 'rows of a page' }),
  cursor: z
    .string({ error: 'the nextCursor of the page before' })
    .optional()
    .meta({ description: 'nextCursor of the page before' }),
  timeoutMs,
};
const OWNED = { symbol: symbol.optional(), userId: id('owner of the order'), orderId: id('one order') };

const MOVEMENTS = z.strictObject({ ...OWNED, ...RANGE, ...PAGE });
const ORDER_LIST = MOVEMENTS.extend({
  status: z
    .enum(['open', 'partially_filled', 'filled', 'cancelled'], { error: 'open, partially_filled, filled or cancelled' })
    .optional(),
});
const CANDLE_LIST = z.strictObject({ symbol, ...RANGE, ...PAGE });
const ONE = z.strictObject({ timeoutMs });

const HEADERS = z.object({
  'x-consistency-token': z
    .string()
    .optional()
    .meta({ description: 'token of an earlier answer: what it saw is shown' }),
  'x-read-preference': z.enum(READ_PREFERENCES).optional().meta({ description: 'default secondary' }),
});
const PROBLEMS = {
  400: 'INVALID_PARAMETER with field and rule',
  503: 'NOT_YET_VISIBLE: no node is fresh in time; DATABASE_UNAVAILABLE; with Retry-After',
};

const COMMON = {
  tag: 'views',
  headers: HEADERS,
  answerHeaders: {
    'x-served-by': 'node that answered',
    'x-consistency-token': 'what this answer saw, and what the request asked for',
  },
} as const;

/** The routes that read the views, from replicas first. */
export function addViewRoutes(app: FastifyInstance, parts: ViewParts): void {
  addList(app, parts, {
    view: TRADES,
    query: MOVEMENTS,
    item: tradeAnswer,
    summary: 'Orders that have executed, newest first',
  });
  addList(app, parts, {
    view: FILLS,
    query: MOVEMENTS,
    item: fillAnswer,
    summary: 'Both sides of each trade, newest first',
  });
  addList(app, parts, { view: ORDERS, query: ORDER_LIST, item: orderAnswer, summary: 'Orders, newest first' });
  addList(app, parts, {
    view: CANDLES,
    query: CANDLE_LIST,
    item: candleAnswer,
    summary: 'Prices and volumes by minute, oldest first',
  });
  addOrder(app, parts);
  addBalances(app, parts);
}

type ListRoute = {
  readonly view: ListView;
  readonly query: typeof MOVEMENTS | typeof ORDER_LIST | typeof CANDLE_LIST;
  readonly item: z.ZodType;
  readonly summary: string;
};

function addList(app: FastifyInstance, parts: ViewParts, { view, query: schema, item, summary }: ListRoute): void {
  const answers = { 200: json(listAnswer(item)) };
  const doc = routeSchema({ ...COMMON, summary, query: schema, answers, problems: PROBLEMS });
  app.get(`/v1/${view.name}`, { schema: doc }, async (request, reply) => {
    const { limit, cursor, timeoutMs: within, ...filters } = readQuery(schema, request.query);
    const statement = pageStatement(view, { filters, limit, cursor });
    const answer = await read(parts, { projection: view.projection, statement }, { request, reply, timeoutMs: within });
    return await served(reply, answer).send(pageOf(view, answer.rows, limit));
  });
}

function addOrder(app: FastifyInstance, parts: ViewParts): void {
  const params = z.object({ orderId: ONE_ID });
  const answers = { 200: json(orderAnswer) };
  const problems = { ...PROBLEMS, 404: 'ORDER_NOT_FOUND' };
  const doc = routeSchema({ ...COMMON, summary: 'One order', query: ONE, params, answers, problems });
  app.get('/v1/orders/:orderId', { schema: doc }, async (request, reply) => {
    const orderId = idIn(request, 'orderId');
    const { timeoutMs: within } = readQuery(ONE, request.query);
    const statement = pageStatement(ORDERS, { filters: { orderId }, limit: 1, cursor: undefined });
    const answer = await read(
      parts,
      { projection: ORDERS.projection, statement },
      { request, reply, timeoutMs: within },
    );
    const [row] = answer.rows;
    served(reply, answer);
    if (row === undefined) throw notFound('ORDER_NOT_FOUND', `no order ${orderId}`, { orderId });
    return await reply.send(ORDERS.toItem(row));
  });
}

function addBalances(app: FastifyInstance, parts: ViewParts): void {
  const params = z.object({ userId: ONE_ID });
  const answers = { 200: json(balancesAnswer) };
  const doc = routeSchema({
    ...COMMON,
    summary: 'What a user owns',
    query: ONE,
    params,
    answers,
    problems: PROBLEMS,
  });
  app.get('/v1/balances/:userId', { schema: doc }, async (request, reply) => {
    const userId = idIn(request, 'userId');
    const { timeoutMs: within } = readQuery(ONE, request.query);
    const query = { projection: BALANCES.projection, statement: { text: BALANCES.text, values: [userId] } };
    const answer = await read(parts, query, { request, reply, timeoutMs: within });
    return await served(reply, answer).send({ userId, balances: answer.rows });
  });
}

type Call = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly timeoutMs: number };

async function read(parts: ViewParts, query: ViewQuery, call: Call): Promise<ViewAnswer> {
  const token = call.request.headers['x-consistency-token'];
  return await queryView(parts, query, {
    preference: preferenceOf(call.request),
    token: token === undefined ? undefined : String(token),
    timeoutMs: call.timeoutMs,
    signal: callerGone(call.reply),
  });
}

function preferenceOf(request: FastifyRequest) {
  const given = request.headers['x-read-preference'] ?? 'secondary';
  const preference = READ_PREFERENCES.find((known) => known === given);
  if (preference === undefined) throw badRequest('INVALID_PARAMETER', 'X-Read-Preference', READ_PREFERENCES.join(', '));
  return preference;
}

function served(reply: FastifyReply, { servedBy, token }: ViewAnswer): FastifyReply {
  return reply.header('x-served-by', servedBy).header('x-consistency-token', token);
}

function idIn(request: FastifyRequest, name: 'orderId' | 'userId'): string {
  const given = (request.params as Readonly<Record<string, string>>)[name] ?? ''; // the route names it
  if (!ID.test(given)) throw badRequest('INVALID_PARAMETER', name, ID_RULE);
  return given;
}
