import { DatabaseError } from './errors.ts';

/** One server: a URL, or its parts. */
export type DatabaseConfig =
  | string
  | {
      /** `postgres://user:password@host:port/database`; the parts below are for want of one. */
      readonly url?: string;
      readonly host?: string;
      readonly port?: number;
      readonly user?: string;
      readonly password?: string;
      readonly database?: string;
      /** `require` encrypts, `verify-full` also checks the certificate. Default: as the URL says, else none. */
      readonly ssl?: 'require' | 'verify-full';
      /** What the node is called in states, metrics and errors. Default: its place in the configuration. */
      readonly name?: string;
    };

export type NodeAddress = { readonly name: string; readonly url: string };

const PORT = 5_432;

/**
 * @throws {DatabaseError} DB_CONFIG_INVALID, which never shows the password
 */
export function addressOf(config: DatabaseConfig, fallbackName: string): NodeAddress {
  const parts = typeof config === 'string' ? { url: config } : config;
  const name = parts.name ?? fallbackName;
  const text = parts.url ?? 'postgres://localhost';
  if (!URL.canParse(text) || !/^postgres(ql)?:$/.test(new URL(text).protocol)) {
    throw new DatabaseError('DB_CONFIG_INVALID', { context: { node: name }, detail: 'its URL is no postgres:// URL' });
  }
  if (parts.url === undefined && parts.host === undefined) {
    throw new DatabaseError('DB_CONFIG_INVALID', { context: { node: name }, detail: 'it has neither url nor host' });
  }
  const url = new URL(text);
  if (parts.host !== undefined) url.hostname = parts.host;
  if (parts.port !== undefined) url.port = String(parts.port);
  else if (url.port === '') url.port = String(PORT);
  if (parts.user !== undefined) url.username = encodeURIComponent(parts.user);
  if (parts.password !== undefined) url.password = encodeURIComponent(parts.password);
  if (parts.database !== undefined) url.pathname = `/${encodeURIComponent(parts.database)}`;
  if (parts.ssl !== undefined) url.searchParams.set('sslmode', parts.ssl === 'require' ? 'no-verify' : parts.ssl);
  return { name, url: url.href };
}
