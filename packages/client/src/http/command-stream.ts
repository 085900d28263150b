import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Writable } from 'node:stream';
import { commandToJson } from '@tradestream/contracts';
import { errorOf } from '@tradestream/runtime';
import type { TradeCommand } from '@tradestream/trading';
import { ClientError } from '../errors.ts';
import { fieldsOf, type GatewayAddress, problemError } from './gateway-request.ts';

export type StreamedCommand = { readonly commandId: string; readonly command: TradeCommand };

export type StreamOptions = {
  /** Absent: each is answered with its place once the broker has it. */
  readonly wait?: 'applied' | 'projected';
  /** Longest wait for one command, milliseconds; used with `wait`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

/** The answer to one command: its place or receipt, or a problem object with `status` and `code`. */
export type StreamedAnswer = Readonly<Record<string, unknown>>;

/**
 * Sends commands as one NDJSON stream and yields the answers in the same order while it still
 * sends. The gateway reads no faster than its answers are taken, so a slow reader slows the source.
 * @throws {ClientError} CLIENT_UNREACHABLE when the connection fails or breaks: commands without an
 * answer may have been published; CLIENT_UNAVAILABLE, CLIENT_REFUSED when the stream is refused whole
 */
export async function* streamCommands(
  gateway: GatewayAddress,
  commands: AsyncIterable<StreamedCommand>,
  options: StreamOptions = {},
): AsyncGenerator<StreamedAnswer> {
  const url = new URL('/v1/commands', gateway.url);
  if (options.wait !== undefined) url.searchParams.set('wait', options.wait);
  if (options.timeoutMs !== undefined) url.searchParams.set('timeoutMs', String(options.timeoutMs));
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing = send(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      ...(gateway.token === undefined ? {} : { authorization: `Bearer ${gateway.token}` }),
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>; // its event's arguments
  answered.catch(() => undefined);
  outgoing.on('error', () => undefined);
  const source: { failure?: Error } = {};
  const sending = writeLines(outgoing, commands).catch((error: unknown) => {
    if (!outgoing.destroyed) source.failure = errorOf(error);
    outgoing.destroy(errorOf(error));
  });
  try {
    outgoing.flushHeaders();
    const [response] = await answered;
    if ((response.statusCode ?? 0) >= 300) throw await refusalOf(response);
    for await (const line of linesOf(response)) yield fieldsOf(JSON.parse(line));
  } catch (cause) {
    if (source.failure !== undefined) throw source.failure;
    if (cause instanceof ClientError) throw cause;
    throw new ClientError('CLIENT_UNREACHABLE', { cause, context: { url: url.origin, path: url.pathname } });
  } finally {
    outgoing.destroy();
    await sending;
  }
}

/** Throws when the answer breaks off. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
  if (!response.complete || rest !== '') throw new Error('the answer ended early');
}

async function writeLines(outgoing: Writable, commands: AsyncIterable<StreamedCommand>): Promise<void> {
  const gone = new Promise<void>((resolve) => outgoing.once('close', () => resolve()));
  for await (const { commandId, command } of commands) {
    if (outgoing.destroyed) return;
    const line = `${JSON.stringify(commandToJson({ commandId, command }))}\n`;
    if (!outgoing.write(line)) await Promise.race([once(outgoing, 'drain').catch(() => undefined), gone]);
  }
  if (!outgoing.destroyed) outgoing.end();
}

async function refusalOf(response: IncomingMessage): Promise<ClientError> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not a problem object: the status says enough.
  }
  return problemError(response.statusCode ?? 0, body);
}
