import { ClientError } from '../errors.ts';

export type GatewayAddress = {
  /** As `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Sent as a bearer token; a gateway on the same host needs none. */
  readonly token?: string | undefined;
};

export type GatewayAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
};

export type GatewayRequest = {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Longest wait for the whole answer, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * One request; answers below 400 and 404 come back, every other is thrown.
 * @throws {ClientError} by the answer's status, with code, field and rule in its context;
 * CLIENT_UNREACHABLE when none came
 */
export async function requestGateway(gateway: GatewayAddress, request: GatewayRequest): Promise<GatewayAnswer> {
  const { method = 'GET', path, timeoutMs, signal, body } = request;
  const url = new URL(path, gateway.url);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers: Record<string, string> = { ...request.headers, accept: 'application/json' };
  if (gateway.token !== undefined) headers['authorization'] = `Bearer ${gateway.token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const limit = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    text = await response.text();
  } catch (cause) {
    throw new ClientError('CLIENT_UNREACHABLE', { cause, context: { url: url.origin, path, timeoutMs } });
  }
  const answer = { status: response.status, headers: response.headers, body: parseBody(text) };
  if (answer.status >= 400 && answer.status !== 404) throw problemError(answer.status, answer.body);
  return answer;
}

/** The error that a problem answer stands for. */
export function problemError(status: number, body: unknown): ClientError {
  const { code, title, field, rule, commandId } = fieldsOf(body);
  const context = Object.fromEntries(
    Object.entries({ status, problem: code, field, rule, commandId }).filter(([, value]) => value !== undefined),
  );
  return new ClientError(errorCodeOf(status, code), {
    context,
    ...(typeof title === 'string' ? { detail: title } : {}),
  });
}

export function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {};
}

function errorCodeOf(status: number, code: unknown): ClientError['code'] {
  if (status === 409) return 'CLIENT_CONFLICT';
  if (status === 503) return code === 'NOT_YET_VISIBLE' ? 'CLIENT_NOT_YET_VISIBLE' : 'CLIENT_UNAVAILABLE';
  if (status === 504) return 'CLIENT_TIMED_OUT';
  return status >= 500 ? 'CLIENT_UNEXPECTED' : 'CLIENT_REFUSED';
}

function parseBody(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ClientError('CLIENT_UNEXPECTED', { cause, detail: text.slice(0, 80) });
  }
}
