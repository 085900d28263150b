import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { MonitorError } from '../errors.ts';
import { type AllowedOptions, checkAddress } from './allowed-address.ts';

export type PostOptions = AllowedOptions & {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

const ANSWER_BYTES_MAX = 4_096;

/**
 * Posts JSON to a checked address. Redirects are not followed: they would lead past the check.
 * @throws {MonitorError} RECEIVER_REFUSED, RECEIVER_FAILED
 */
export async function post(options: PostOptions): Promise<void> {
  const { url, address, family } = await checkAddress(options.url, options);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const { status, text } = await new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new MonitorError('RECEIVER_FAILED', { cause, detail: cause.message, context: { host: url.host } }));
    const request = send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(options.body),
        ...options.headers,
      },
      signal: AbortSignal.timeout(options.timeoutMs),
      lookup: (_host, how, answer) => {
        if (how.all === true) answer(null, [{ address, family }]);
        else answer(null, address, family);
      },
    });
    request.once('error', fail);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= ANSWER_BYTES_MAX) chunks.push(chunk);
        else response.destroy();
      });
      response.once('error', fail);
      response.once('close', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.end(options.body);
  });
  if (status >= 200 && status < 300) return;
  throw new MonitorError('RECEIVER_FAILED', { detail: `it answered ${status}: ${text.slice(0, 200)}` });
}
