import { ContractError } from '../errors.ts';

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const BODY_SHOWN_MAX = 300;

export type RegistryRequest = {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Below the base of the Confluent interface. */
  readonly path: string;
  readonly body?: unknown;
};

/** What the registry answered: its status, and its JSON as an object. */
export type RegistryAnswer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

/** Asks the registry. Resolves for the statuses that say something about schemas, 200 and those of 4xx. */
export type AskRegistry = (request: RegistryRequest) => Promise<RegistryAnswer>;

/**
 * The way to one registry, each call ended after `timeoutMs`, body included.
 * The calls throw ContractError REGISTRY_UNAVAILABLE: no answer, a server error, credentials refused,
 * or a body that is not JSON (a proxy's page is no word of the registry).
 */
export function registryAt(options: { readonly url: string; readonly timeoutMs: number }): AskRegistry {
  const base = new URL(options.url);
  const authorization = authorizationOf(base);
  const prefix = `${base.origin}${base.pathname.replace(/\/+$/, '')}`;
  return async ({ method, path, body }) => {
    const asked = `${method} ${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${prefix}${path}`, {
        method,
        headers: { accept: `${CONTENT_TYPE}, application/json`, 'content-type': CONTENT_TYPE, ...authorization },
        redirect: 'error',
        signal: AbortSignal.timeout(options.timeoutMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (cause) {
      throw new ContractError('REGISTRY_UNAVAILABLE', { cause, context: { asked, timeoutMs: options.timeoutMs } });
    }
    const parsed = parseJson(text);
    const { status } = response;
    const speaksOfSchemas = status === 200 || status === 404 || status === 409 || status === 422;
    if (!speaksOfSchemas || parsed === null) {
      throw new ContractError('REGISTRY_UNAVAILABLE', {
        context: { asked, status, body: text.slice(0, BODY_SHOWN_MAX) },
      });
    }
    return { status, body: parsed };
  };
}

function authorizationOf(url: URL): Record<string, string> {
  if (url.username === '') return {};
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function parseJson(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return { items: value };
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
