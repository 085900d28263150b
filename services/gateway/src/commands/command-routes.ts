import { Readable } from 'node:stream';
import { normaliseUuid } from '@tradestream/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from '@tradestream/runtime';
import { z } from 'zod';
import { callerGone } from '../http/caller-gone.ts';
import { badRequest, idempotencyKey } from '../http/problems.ts';
import { count, readQuery } from '../http/query-params.ts';
import type { RequestBody } from '../http/request-body.ts';
import type { CommandItem } from './command-item.ts';
import { answerStream } from './command-stream.ts';
import { type CommandText, readCommandText } from './read-command-text.ts';
import { commandsDoc } from './routes-doc.ts';
import { type SubmitParts, submitCommands, type Wait } from './submit-commands.ts';

const QUERY = z.strictObject({
  wait: z
    .enum(['applied', 'projected'], { error: '`applied` or `projected`' })
    .optional()
    .meta({ description: 'answer with the receipt once the command is applied, or once every projection has it' }),
  timeoutMs: count({ min: 1, max: 60_000, fallback: 10_000, doc: 'longest wait, ms; used with `wait`' }),
});

/** `POST /v1/commands`: one command, an array, or a stream of lines. */
export function addCommandRoutes(app: FastifyInstance, parts: SubmitParts): void {
  app.post('/v1/commands', { schema: commandsDoc(QUERY) }, async (request, reply) => {
    const query = readQuery(QUERY, request.query);
    const wait: Wait = { until: query.wait ?? 'published', timeoutMs: query.timeoutMs };
    const key = idempotencyKeyOf(request);
    const body = request.body as RequestBody | undefined; // made by the content type parsers
    if (body === undefined) throw badRequest('MALFORMED_COMMAND', 'body', 'an object or an array of objects');
    if (body.kind === 'json')
      return await answerText(parts, { request, reply, wait, text: withKey(readCommandText(body.text), key) });
    if (key !== null) throw idempotencyKey('is for one command, not for a stream');
    return await answerLines(parts, { request, reply, wait, source: body.stream });
  });
}

type Call = { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly wait: Wait };

async function answerText(parts: SubmitParts, call: Call & { readonly text: CommandText }): Promise<FastifyReply> {
  const { request, reply, wait, text } = call;
  const [only] = text.items;
  if (!text.isBatch && only !== undefined && !only.ok) throw only.problem;
  const submission = { items: text.items, wait, traceparent: traceparentOf(request), signal: callerGone(reply) };
  const answers = await Promise.all(await submitCommands(parts, submission));
  const [first] = answers;
  if (!text.isBatch && first !== undefined) {
    if (first.problem !== undefined) throw first.problem;
    const { token } = first.body;
    if (typeof token === 'string') reply.header('x-consistency-token', token);
    return await reply.code(first.status).send(first.body);
  }
  return await reply.code(statusOf(wait)).send(answers.map((answer) => answer.body));
}

async function answerLines(parts: SubmitParts, call: Call & { readonly source: Readable }): Promise<FastifyReply> {
  const { request, reply, wait, source } = call;
  parts.publisher.checkOpen();
  const submission = { source, wait, traceparent: traceparentOf(request), signal: callerGone(reply) };
  const lines = Readable.from(answerStream(parts, submission), { highWaterMark: 64 });
  return await reply.code(statusOf(wait)).type('application/x-ndjson').send(lines);
}

function statusOf(wait: Wait): number {
  return wait.until === 'published' ? 202 : 200;
}

/** W3C form only; anything else would be passed on to whoever reads the log. */
function traceparentOf(request: FastifyRequest): string | undefined {
  const given = request.headers['traceparent'];
  return typeof given === 'string' && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(given)
    ? given
    : undefined;
}

function idempotencyKeyOf(request: FastifyRequest): string | null {
  const given = request.headers['idempotency-key'];
  if (given === undefined) return null;
  const key = normaliseUuid(String(given));
  if (key === null) throw idempotencyKey('must be a UUID');
  return key;
}

/** The one command under the key as its id. */
function withKey(text: CommandText, key: string | null): CommandText {
  if (key === null) return text;
  if (text.isBatch) throw idempotencyKey('is for one command, not for an array');
  return { ...text, items: text.items.map((item) => underKey(item, key)) };
}

function underKey(item: CommandItem, key: string): CommandItem {
  if (!item.ok) return item;
  if (item.hasOwnId && item.commandId !== key) throw idempotencyKey('must equal the commandId of the body');
  return { ...item, commandId: key };
}
