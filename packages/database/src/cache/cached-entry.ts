import { deserialize, serialize } from 'node:v8';
import type { ConsistencyPoint } from '../replication/consistency-token.ts';
import type { Rows } from '../session.ts';

/** An answer, and what it was true of. */
export type CachedEntry = {
  /** Of its tables, read before it was asked for. */
  readonly stamps: readonly string[];
  /** It has everything up to here; null when that is not known. */
  readonly point: ConsistencyPoint | null;
  readonly servedBy: string;
  readonly result: Rows<object>;
};

const VERSION = 1;

/** Null for what would not come back the same: objects of a class, other than dates and bytes. */
export function encodeEntry(entry: CachedEntry): string | null {
  if (!isPlain(entry.result.rows)) return null;
  return serialize([VERSION, entry]).toString('base64');
}

/** Null for what another version has written, or nobody. */
export function decodeEntry(text: string): CachedEntry | null {
  try {
    const [version, entry]: [unknown, CachedEntry] = deserialize(Buffer.from(text, 'base64'));
    return version === VERSION ? entry : null;
  } catch {
    return null;
  }
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol';
  if (value instanceof Date || Buffer.isBuffer(value)) return true;
  if (Array.isArray(value)) return value.every((each) => isPlain(each));
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every((each) => isPlain(each));
}
