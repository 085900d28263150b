import type { ClientConfig } from 'pg';
import type { DatabaseError } from '../errors.ts';

export type SessionOptions = {
  readonly url: string;
  readonly applicationName: string;
  /** Longest wait for the connection and its settings, ms. */
  readonly connectTimeoutMs: number;
  /** Server settings of this session, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Refuses a session whose COMMITs are not flushed before they are answered. */
  readonly requireDurable?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told of each error of the session, its opening included. Must not throw. */
  readonly onFailure?: ((error: DatabaseError) => void) | undefined;
  /** Told of each statement, or pipeline of them, that was answered, an error included, and after how long, ms. Must not throw. */
  readonly onAnswer?: ((ms: number) => void) | undefined;
};

const SETTING = /^[a-z_]+(\.[a-z_]+)?$/;
const SETTING_VALUE = /^[A-Za-z0-9_., -]*$/;

/** What the driver is told. Settings come from PGOPTIONS, then the URL's `options`, then ours: the last wins. */
export function clientConfig(options: SessionOptions): ClientConfig {
  const { url, fromUrl } = takeOptions(options.url);
  const settings = Object.entries(options.settings ?? {}).map(([name, value]) => {
    if (!SETTING.test(name) || !SETTING_VALUE.test(value)) throw new TypeError(`setting ${name} is not plain`);
    return `-c ${name}=${value.replaceAll(' ', '\\ ')}`;
  });
  const inherited = process.env['PGOPTIONS'] ?? '';
  return {
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    options: [inherited, fromUrl, ...settings].filter((part) => part !== '').join(' '),
    pipeline: true,
  };
}

/** The driver lets `options` in a URL replace ours: they are taken out of it and joined. */
function takeOptions(text: string): { readonly url: string; readonly fromUrl: string } {
  if (!text.includes('options=') || !URL.canParse(text)) return { url: text, fromUrl: '' };
  const url = new URL(text);
  const fromUrl = url.searchParams.get('options') ?? '';
  url.searchParams.delete('options');
  return { url: url.href, fromUrl };
}
