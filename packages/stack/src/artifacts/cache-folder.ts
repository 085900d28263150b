import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where fetched parts and the records of running stacks are kept, shared by all checkouts of a user. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const configured = env['XDG_CACHE_HOME'];
  // The XDG specification: a relative path is to be ignored.
  const base = configured !== undefined && isAbsolute(configured) ? configured : join(homedir(), '.cache');
  return join(base, 'tradestream');
}
